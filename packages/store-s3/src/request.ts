// Sends every request of a store: waits at the gate, limits silence, tries again what may pass, and
// stops when nobody waits any more. The SDK's own retry is off, for it knows neither the budget of
// all calls together nor how far a body had come. One thread.

import { StoreError } from '@umap/store'
import { s3ErrorCodes, toStoreError } from './errors.ts'
import { type AttemptOutcome, RequestGate } from './request-gate.ts'
import { RetryBudget } from './retry-budget.ts'
import type { S3Counters } from './stats.ts'

/** What one attempt is given. */
export interface Attempt {
  /** Aborted when the attempt must end: nobody waits, or nothing arrived for too long. */
  readonly signal: AbortSignal
  /** To be called whenever bytes arrive, which proves that the server is at work. */
  readonly progress: () => void
}

/** What a call says about itself. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Retries end sooner than the client's limit says. */
  readonly retryTimeoutMs?: number | undefined
  /** Bytes that are sent before an answer can come; they extend the patience. */
  readonly sentBytes?: number
}

/** Limits of {@link S3Requests}, in milliseconds and attempts. */
export interface RequestLimits {
  readonly connectionsMax: number
  readonly retryTimeoutMs: number
  readonly idleTimeoutMs: number
}

const backoffMsMin = 25
const backoffMsMax = 2_000
// The slowest uplink that is not taken for a dead one.
const sentBytesPerMs = 128

// Codes that tell about the way to the server, not about the request.
const overloadCodes: ReadonlySet<string> = new Set([
  s3ErrorCodes.slowDown,
  s3ErrorCodes.unavailable,
])
const answeredCodes: ReadonlySet<string> = new Set([
  s3ErrorCodes.accessDenied,
  s3ErrorCodes.changed,
  s3ErrorCodes.checksum,
  s3ErrorCodes.conflict,
  s3ErrorCodes.credentials,
  s3ErrorCodes.notFound,
  s3ErrorCodes.refused,
  s3ErrorCodes.response,
  s3ErrorCodes.truncated,
])

/** All requests of one client. */
export class S3Requests {
  readonly #gate: RequestGate
  readonly #budget = new RetryBudget()
  readonly #limits: RequestLimits
  readonly #counters: S3Counters

  /** `counters` is counted into. */
  constructor(limits: RequestLimits, counters: S3Counters) {
    this.#limits = limits
    this.#counters = counters
    this.#gate = new RequestGate(limits.connectionsMax)
  }

  /** Retries that may still be spent. */
  get retriesLeft(): number {
    return this.#budget.left
  }

  /**
   * Runs `attempt` until it succeeds. Rejects with a {@link StoreError} that says what `doing` was:
   * at once where trying again cannot help; where it could, when the time for retries is over or
   * their budget is spent. Rejects with the reason of `signal` when that is aborted.
   */
  async run<T>(
    doing: string,
    attempt: (attempt: Attempt) => Promise<T>,
    options: CallOptions = {},
  ): Promise<T> {
    const { signal, retryTimeoutMs = Number.POSITIVE_INFINITY } = options
    const deadlineMs = performance.now() + Math.min(retryTimeoutMs, this.#limits.retryTimeoutMs)
    for (let failures = 0; ; ) {
      signal?.throwIfAborted()
      await this.#gate.enter(deadlineMs, signal)
      if (failures > 0) {
        this.#counters.retries += 1
      }
      this.#counters.requests += 1
      try {
        const result = await this.#attemptOnce(attempt, doing, options)
        this.#gate.leave('answered')
        this.#budget.earn()
        return result
      } catch (thrown) {
        const error = this.#judge(thrown, doing, signal)
        failures += 1
        if (!this.#mayRetry(error, failures, deadlineMs)) {
          throw error
        }
      }
      if (!this.#gate.isDown) {
        await pause(backoffMs(failures), signal)
      }
    }
  }

  #mayRetry(error: StoreError, failures: number, deadlineMs: number): boolean {
    // One silent attempt may take longer than the time for retries, and deserves a second one.
    const isFirst = failures === 1 && this.#limits.retryTimeoutMs > 0
    if (!error.retryable || !(isFirst || performance.now() < deadlineMs)) {
      return false
    }
    // While the server is away, retries are few by themselves: one at a time for all calls.
    return this.#gate.isDown || this.#budget.take()
  }

  // Ends the admission of the attempt that failed; throws where it was only given up.
  #judge(thrown: unknown, doing: string, signal: AbortSignal | undefined): StoreError {
    if (signal?.aborted) {
      this.#gate.leave('cancelled')
      throw signal.reason
    }
    const error = toStoreError(thrown, doing)
    const outcome = outcomeOf(error)
    this.#counters.slowDowns += outcome === 'overloaded' ? 1 : 0
    this.#gate.leave(outcome, error)
    return error
  }

  async #attemptOnce<T>(
    attempt: (attempt: Attempt) => Promise<T>,
    doing: string,
    { signal, sentBytes = 0 }: CallOptions,
  ): Promise<T> {
    const controller = new AbortController()
    const idleMs = this.#limits.idleTimeoutMs + Math.ceil(sentBytes / sentBytesPerMs)
    const giveUp = () => controller.abort(signal?.reason)
    const timer = setTimeout(() => {
      const message = `cannot ${doing}: nothing came from the server for ${idleMs} ms`
      controller.abort(new StoreError(message, { code: s3ErrorCodes.timeout, retryable: true }))
    }, idleMs)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const aborted = new Promise<never>((_, reject) => {
        controller.signal.addEventListener('abort', () => reject(controller.signal.reason))
      })
      const running = attempt({ signal: controller.signal, progress: () => timer.refresh() })
      return await Promise.race([running, aborted])
    } catch (error) {
      throw controller.signal.aborted ? controller.signal.reason : error
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
    }
  }
}

function outcomeOf(error: StoreError): AttemptOutcome {
  if (overloadCodes.has(error.code)) {
    return 'overloaded'
  }
  return answeredCodes.has(error.code) || !error.retryable ? 'answered' : 'unreachable'
}

// Full jitter: calls that failed together must not come back together.
function backoffMs(failures: number): number {
  const doubled = backoffMsMin * 2 ** Math.min(10, failures)
  return Math.random() * Math.min(backoffMsMax, doubled)
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }, ms)
    signal?.addEventListener('abort', giveUp, { once: true })
    if (signal?.aborted) {
      giveUp()
    }
  })
}

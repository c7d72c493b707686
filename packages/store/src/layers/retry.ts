// The layer that repeats calls which the store below calls retryable: exponential pauses with full
// jitter, bounded per call and, by a budget, for all calls together. It must not repeat anything
// that the store says is final. Any thread; where the idea comes from: "Exponential Backoff And
// Jitter" (AWS Architecture Blog), retry throttling of gRPC (proposal A6).

import { setMaxListeners } from 'node:events'
import type { OpenStoreContext, PageStore } from '../page-store.ts'
import { isRetryable, readProperty, StoreError, storeErrorCodes } from '../store-error.ts'
import type { StoreRef, StoreSource } from '../store-ref.ts'
import { checkInteger, checkNumber, checkObject } from './check-options.ts'
import {
  type LayerRefOptions,
  layerRef,
  layerStore,
  openLayer,
  splitLayerOptions,
} from './layer.ts'
import { type LayerRuntime, pause, systemRuntime } from './runtime.ts'

/** Options of {@link retry} and {@link retryStore}. */
export interface RetryOptions {
  /** Calls on the store below for one call, the first one included. Default 12. */
  readonly attemptsMax?: number
  /** The first pause lasts up to this; each further one up to twice as long. Default 100. */
  readonly delayMs?: number
  /** No pause is longer. Default 5000. */
  readonly delayMaxMs?: number
  /** The pauses of one call together are not longer. Default 60 000. */
  readonly totalDelayMaxMs?: number
  /** Repetitions of all calls together that may be spent before others succeed. Default 1000. */
  readonly budget?: number
  /** What a call that succeeds puts back into the budget, in repetitions. Default 0.1. */
  readonly budgetRefill?: number
}

const names = [
  'attemptsMax',
  'delayMs',
  'delayMaxMs',
  'totalDelayMaxMs',
  'budget',
  'budgetRefill',
] as const
const delayLimitMs = 2 ** 31 - 1

/**
 * A reference to `source` whose calls, and whose opening, are repeated while they fail with what is
 * retryable.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function retry(
  source: StoreSource,
  options: RetryOptions = {},
): StoreRef<LayerRefOptions<RetryOptions>> {
  checkOptions(options)
  return layerRef(import.meta.url, source, options)
}

/**
 * `store` with calls that are repeated while they fail with what is retryable: `StoreError`s that
 * say so, and system errors that may pass (`isRetryableCode`), save for a `flush`, whose errors
 * must say so themselves, since a repeated fsync() succeeds although bytes were lost.
 *
 * What it gives up on is a `StoreError` with the code of the last failure, which is its cause; it
 * is still retryable, and its message says how many attempts there were. An abort ends a pause.
 */
export function retryStore(
  store: PageStore,
  options: RetryOptions = {},
  runtime: LayerRuntime = systemRuntime,
): PageStore {
  return new Repeater(checkOptions(options), runtime).wrap(store)
}

/** Opens what {@link retry} refers to. */
export async function openStore(
  options: LayerRefOptions<RetryOptions>,
  context?: OpenStoreContext,
): Promise<PageStore> {
  const { store, own } = splitLayerOptions('retry', options)
  const repeater = new Repeater(checkOptions(own), systemRuntime)
  return await repeater.run('open', undefined, () =>
    openLayer(store, context, (inner) => repeater.wrap(inner)),
  )
}

class Repeater {
  readonly #policy: Required<RetryOptions>
  readonly #runtime: LayerRuntime
  readonly #closing = new AbortController()
  readonly #inPause = new Set<Promise<void>>()
  #budgetLeft: number

  constructor(policy: Required<RetryOptions>, runtime: LayerRuntime) {
    this.#policy = policy
    this.#runtime = runtime
    this.#budgetLeft = policy.budget
    // As many pauses as calls in flight listen to it; that is no leak.
    setMaxListeners(0, this.#closing.signal)
  }

  wrap(inner: PageStore): PageStore {
    return layerStore(inner, {
      around: ({ op, options }, proceed) => this.run(op, () => options?.signal, proceed),
      close: async () => {
        // Ends the pauses: nobody waits for a store that is closed.
        this.#closing.abort(new StoreError('the store is closed', { code: storeErrorCodes.closed }))
        await Promise.allSettled(this.#inPause)
        await inner.close()
      },
    })
  }

  async run<T>(
    op: string,
    signalOf: (() => AbortSignal | undefined) | undefined,
    proceed: () => T | Promise<T>,
  ): Promise<T> {
    let pausedMs = 0
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await proceed()
        this.#budgetLeft = Math.min(
          this.#policy.budget,
          this.#budgetLeft + this.#policy.budgetRefill,
        )
        return result
      } catch (error) {
        if (!mayRepeat(op, error)) {
          throw error
        }
        const signal = signalOf?.()
        signal?.throwIfAborted()
        pausedMs += await this.#pauseBefore(attempt, pausedMs, error, signal)
      }
    }
  }

  // Rejects where there shall be no further attempt.
  async #pauseBefore(
    attempt: number,
    pausedMs: number,
    error: unknown,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { attemptsMax, delayMs, delayMaxMs, totalDelayMaxMs } = this.#policy
    if (attempt >= attemptsMax) {
      throw givenUp(error, attempt, 'that is attemptsMax')
    }
    if (this.#budgetLeft < 1) {
      throw givenUp(error, attempt, 'the budget of retries is spent')
    }
    const ceilingMs = Math.min(delayMaxMs, delayMs * 2 ** (attempt - 1))
    const thisPauseMs = this.#runtime.random() * ceilingMs
    if (pausedMs + thisPauseMs > totalDelayMaxMs) {
      throw givenUp(error, attempt, 'the pauses would exceed totalDelayMaxMs')
    }
    this.#budgetLeft -= 1
    const pausing = pause(this.#runtime, thisPauseMs, [signal, this.#closing.signal])
    this.#inPause.add(pausing)
    try {
      await pausing
    } finally {
      this.#inPause.delete(pausing)
    }
    return thisPauseMs
  }
}

function mayRepeat(op: string, error: unknown): boolean {
  return op === 'flush' ? readProperty(error, 'retryable') === true : isRetryable(error)
}

function givenUp(error: unknown, attempts: number, why: string): StoreError {
  const code = readProperty(error, 'code')
  const message = readProperty(error, 'message')
  return new StoreError(
    `gave up after ${attempts} attempt${attempts === 1 ? '' : 's'} (${why}): ` +
      `${typeof message === 'string' ? message : 'no reason given'}`,
    {
      code: typeof code === 'string' && code !== '' ? code : storeErrorCodes.unknown,
      retryable: true,
      cause: error,
    },
  )
}

function checkOptions(options: RetryOptions): Required<RetryOptions> {
  checkObject('retry', options, names)
  const { attemptsMax, delayMs, delayMaxMs, totalDelayMaxMs, budget, budgetRefill } = options
  return {
    attemptsMax: checkInteger('attemptsMax', attemptsMax, 12, 1, 1000),
    delayMs: checkNumber('delayMs', delayMs, 100, 0, delayLimitMs),
    delayMaxMs: checkNumber('delayMaxMs', delayMaxMs, 5000, 0, delayLimitMs),
    totalDelayMaxMs: checkNumber('totalDelayMaxMs', totalDelayMaxMs, 60_000, 0, delayLimitMs),
    budget: checkNumber('budget', budget, 1000, 0, Number.MAX_SAFE_INTEGER),
    budgetRefill: checkNumber('budgetRefill', budgetRefill, 0.1, 0, 1),
  }
}

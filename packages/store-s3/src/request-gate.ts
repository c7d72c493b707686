// Decides when an attempt may be sent: at most so many at once, fewer after the server asked for
// fewer, and while the server does not answer at all only one at a time, with growing pauses, for
// all calls together. One thread.

import type { StoreError } from '@umap/store'

/** How an attempt ended, as far as the server's health goes. */
export type AttemptOutcome = 'answered' | 'overloaded' | 'unreachable' | 'cancelled'

interface Waiter {
  readonly admit: () => void
  readonly reject: (reason: unknown) => void
  readonly deadlineMs: number
}

// A single lost connection says nothing; three in a row without an answer between them do.
const failuresUntilDown = 3
const pauseMsMin = 50
const pauseMsMax = 1_000

/** The gate that all attempts of one client pass. */
export class RequestGate {
  readonly #attemptsMax: number
  #limit: number
  #inFlight = 0
  #failures = 0
  #closedUntilMs = 0
  #pauseMs = 0
  #lastError: StoreError | undefined
  #timer: NodeJS.Timeout | undefined
  // Failures of attempts that were sent before the limit fell are about the higher limit.
  #attemptsBeforeCut = 0
  readonly #waiting: Waiter[] = []

  /** `attemptsMax`: attempts in flight at most. */
  constructor(attemptsMax: number) {
    this.#attemptsMax = attemptsMax
    this.#limit = attemptsMax
  }

  /** Whether the server has stopped answering, so that attempts only find out if it is back. */
  get isDown(): boolean {
    return this.#failures >= failuresUntilDown
  }

  /**
   * Waits until an attempt may be sent; each admission needs one `leave`. Rejects with the signal's
   * reason, or, at `deadlineMs` (of `performance.now()`), with the error that keeps the gate shut.
   */
  enter(deadlineMs: number, signal: AbortSignal | undefined): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#isOpen()) {
      this.#inFlight += 1
      return undefined
    }
    return new Promise((resolve, reject) => {
      const leaveQueue = () => {
        const index = this.#waiting.indexOf(waiter)
        if (index >= 0) {
          this.#waiting.splice(index, 1)
        }
        reject(signal?.reason)
      }
      const waiter: Waiter = {
        deadlineMs,
        admit: () => {
          signal?.removeEventListener('abort', leaveQueue)
          resolve()
        },
        reject: (reason) => {
          signal?.removeEventListener('abort', leaveQueue)
          reject(reason)
        },
      }
      signal?.addEventListener('abort', leaveQueue, { once: true })
      this.#waiting.push(waiter)
      this.#pump()
    })
  }

  /** An attempt that was admitted has ended; `error` where it failed. */
  leave(outcome: AttemptOutcome, error?: StoreError): void {
    this.#inFlight -= 1
    switch (outcome) {
      case 'answered':
        this.#answered()
        break
      case 'overloaded':
        this.#overloaded()
        break
      case 'unreachable':
        this.#failed()
        break
      case 'cancelled':
        break
    }
    this.#lastError = error ?? this.#lastError
    this.#pump()
  }

  #answered(): void {
    this.#limit = Math.min(this.#attemptsMax, this.#limit + 1 / this.#limit)
    this.#failures = 0
    this.#pauseMs = 0
    this.#closedUntilMs = 0
    this.#attemptsBeforeCut = Math.max(0, this.#attemptsBeforeCut - 1)
  }

  #overloaded(): void {
    if (this.#attemptsBeforeCut > 0) {
      this.#attemptsBeforeCut -= 1
    } else {
      this.#limit = Math.max(1, this.#limit / 2)
      this.#attemptsBeforeCut = this.#inFlight
    }
    this.#failed()
  }

  #failed(): void {
    const now = performance.now()
    this.#failures += 1
    // Attempts that were in flight together fail together, which is one failure and one pause.
    if (this.isDown && now >= this.#closedUntilMs) {
      this.#pauseMs = Math.min(pauseMsMax, Math.max(pauseMsMin, 2 * this.#pauseMs))
      this.#closedUntilMs = now + this.#pauseMs * (0.5 + Math.random() / 2)
    }
  }

  #isOpen(): boolean {
    const limit = this.isDown ? 1 : Math.max(1, Math.floor(this.#limit))
    return this.#inFlight < limit && performance.now() >= this.#closedUntilMs
  }

  #pump(): void {
    clearTimeout(this.#timer)
    while (this.#waiting.length > 0 && this.#isOpen()) {
      this.#inFlight += 1
      this.#waiting.shift()?.admit()
    }
    const now = performance.now()
    for (const waiter of this.#waiting.filter(({ deadlineMs }) => deadlineMs <= now)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.reject(this.#lastError ?? new DOMException('no attempt was possible', 'TimeoutError'))
    }
    if (this.#waiting.length > 0) {
      const wakeMs = this.#inFlight > 0 ? pauseMsMax : Math.max(1, this.#closedUntilMs - now)
      this.#timer = setTimeout(() => this.#pump(), wakeMs)
    }
  }
}

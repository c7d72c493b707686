// Lets a bounded number of asynchronous jobs run at a time; the others wait in order. Pure.

/** A gate that `max` jobs may pass at a time. */
export class ConcurrencyLimit {
  readonly #waiting: (() => void)[] = []
  #freeCount: number

  constructor(max: number) {
    this.#freeCount = max
  }

  /** Runs `job` when it is its turn, and settles as it does. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#freeCount > 0) {
      this.#freeCount -= 1
    } else {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    try {
      return await job()
    } finally {
      // A turn is handed on, so that nobody who comes now can be faster than those who wait.
      const next = this.#waiting.shift()
      if (next === undefined) {
        this.#freeCount += 1
      } else {
        next()
      }
    }
  }
}

// Bounds how many calls of one kind are in flight; those above the bound wait in order.

/** Lets at most `max` calls run at the same time. */
export class CallLimit {
  readonly #max: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Calls `call` once there is room, and settles as it does. */
  async run<T>(call: () => T | Promise<T>): Promise<T> {
    if (this.#running < this.#max) this.#running += 1
    // Whoever ends hands its place over, so that nobody who comes later takes it.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await call()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}

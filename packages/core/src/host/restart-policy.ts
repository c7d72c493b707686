// When a dead store worker is started again, and when no more: a store that dies on every call must
// not keep a processor busy. Pure; the clock is the caller's.

const deathsMax = 5
const windowMs = 60_000
const firstDelayMs = 20

/** Counts deaths and says how long to wait after each. */
export class RestartPolicy {
  #deaths: number[] = []

  /** Milliseconds to wait before the next start; undefined when there shall be none. */
  delayAfterDeath(nowMs: number): number | undefined {
    this.#deaths = this.#deaths.filter((death) => nowMs - death < windowMs)
    this.#deaths.push(nowMs)
    const count = this.#deaths.length
    if (count > deathsMax) {
      return undefined
    }
    return count === 1 ? 0 : firstDelayMs * 4 ** (count - 2)
  }

  /** Which restart the last one was, such as '2 of 5'. */
  get restart(): string {
    return `${this.#deaths.length} of ${deathsMax}`
  }

  /** A new beginning: somebody opens a store although the host had been given up. */
  reset(): void {
    this.#deaths = []
  }
}

// When a dead server is started again, and when no more: at once if it had served, else later and
// later, and in the end not at all. Pure.

/** How patient a supervisor is. */
export interface RestartOptions {
  /** Servers in a row that died without having served, after which it gives up. */
  readonly deathsMax: number
  /** Pause after the first of them, in milliseconds; doubled after each. */
  readonly firstDelayMs: number
  readonly delayMsMax: number
}

/** A few seconds for what passes, such as memory that is short. */
export const defaultRestartOptions: RestartOptions = {
  deathsMax: 8,
  firstDelayMs: 100,
  delayMsMax: 5000,
}

/** Counts deaths and says how long to wait after each. */
export class RestartPolicy {
  readonly #options: RestartOptions
  #deaths = 0

  constructor(options: RestartOptions) {
    this.#options = options
  }

  /** Servers in a row that died without having served. */
  get deaths(): number {
    return this.#deaths
  }

  /** Milliseconds to wait before the next start; undefined where there shall be none. */
  delayAfterDeath(hadServed: boolean): number | undefined {
    const { deathsMax, firstDelayMs, delayMsMax } = this.#options
    this.#deaths = hadServed ? 0 : this.#deaths + 1
    if (this.#deaths >= deathsMax) return undefined
    return this.#deaths === 0 ? 0 : Math.min(firstDelayMs * 2 ** (this.#deaths - 1), delayMsMax)
  }
}

// A rate with a burst: the bucket fills at the rate, and what is larger than the burst may overdraw
// it, which those who come later pay for. Pure; the clock is the caller's.

/** One rate of a throttle. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number

  /** Begins full. `perSecond` and `burst` are greater than 0. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#filledAtMs = nowMs
  }

  /** Milliseconds until `count` may be taken; 0 where it is now. */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs)
    const missing = Math.min(count, this.#burst) - this.#tokens
    return missing <= 0 ? 0 : missing / this.#perMs
  }

  take(count: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#tokens -= count
  }

  /** Puts back what was taken and not used. */
  giveBack(count: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + count)
  }

  #fill(nowMs: number): void {
    const gained = Math.max(0, nowMs - this.#filledAtMs) * this.#perMs
    this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    this.#filledAtMs = nowMs
  }
}

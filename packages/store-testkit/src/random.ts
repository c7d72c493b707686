// Numbers that look random and follow from a seed, so that what was found can be found again.
// No state is shared between two sources.

/** A word that depends on every one of `words`, and on their order (murmur3's finalizer). */
export function hashWords(...words: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const word of words) {
    hash = Math.imul(hash ^ word, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

/** A sequence of numbers that follows from its seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, and not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to, and not including, `count`. */
  integer(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** `byteLength` bytes. */
  bytes(byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    for (let index = 0; index < byteLength; index++) {
      bytes[index] = this.integer(256)
    }
    return bytes
  }
}

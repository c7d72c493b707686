// Numbers that look random and follow from a seed.

/** Generator `mulberry32` of Tommy Ettinger: small, and good enough for tests. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** An integer from 0 to `end`, without `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * end)
  }

  /** Bytes without any order; every value occurs. */
  bytes(byteLength: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(byteLength / 4))
    for (let index = 0; index < words.length; index++) {
      words[index] = this.below(2 ** 32)
    }
    return new Uint8Array(words.buffer, 0, byteLength)
  }
}

/** The seed of this run, printed under `name`, or the one that the environment gives. */
export function testSeed(name: string): number {
  const seed = Number(process.env.UMAP_SQLITE_SEED ?? Date.now() % 2 ** 32)
  console.log(`${name}: repeat with UMAP_SQLITE_SEED=${seed}`)
  return seed
}

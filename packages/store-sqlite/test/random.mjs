// Numbers that look random and follow from a seed (mulberry32), so that a run can be repeated.

/** See random.d.mts. */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  below(end) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return Math.floor((((word ^ (word >>> 14)) >>> 0) / 2 ** 32) * end)
  }

  bytes(byteLength) {
    const words = new Uint32Array(Math.ceil(byteLength / 4))
    for (let index = 0; index < words.length; index++) {
      words[index] = this.below(2 ** 32)
    }
    return new Uint8Array(words.buffer, 0, byteLength)
  }
}

export function testSeed(name) {
  const seed = Number(process.env.UMAP_SQLITE_SEED ?? Date.now() % 2 ** 32)
  console.log(`${name}: repeat with UMAP_SQLITE_SEED=${seed}`)
  return seed
}

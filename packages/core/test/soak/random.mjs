// Numbers that look random and follow from a seed (mulberry32), so that a run can be repeated.

/** A source of numbers: `next()` in [0, 1), `integer(n)` in [0, n), `chance(p)`, `pick(list)`. */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }

  integer(count) {
    return Math.floor(this.next() * count)
  }

  chance(probability) {
    return this.next() < probability
  }

  pick(list) {
    return list[this.integer(list.length)]
  }
}

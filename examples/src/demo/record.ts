// The records that the demo sorts: how one lies in a file, where a repeatable stream of them comes
// from, and what proves that none was lost, changed or left out of order. Plain memory only.

/** Bytes of a record: an unsigned 64-bit key, then an unsigned 64-bit payload, little-endian. */
export const recordBytes = 16

/** 32-bit words of a record: key low, key high, payload low, payload high. */
export const recordWords = 4

/**
 * Makes records with random keys, the same ones for the same seed. The payload is the record's
 * number in the stream, as a row id would be.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand).
 */
export class RecordSource {
  #a: number
  #b: number
  #c = 0x9e3779b9 | 0
  #counter = 1
  #recordNumber = 0

  /** `seed` is an integer; its low 53 bits count. */
  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    for (let round = 0; round < 12; round++) this.#next()
  }

  /** Fills all of `words`, whose length is a multiple of {@link recordWords}. */
  fill(words: Int32Array): void {
    for (let at = 0; at < words.length; at += recordWords) {
      words[at] = this.#next()
      words[at + 1] = this.#next()
      words[at + 2] = this.#recordNumber
      words[at + 3] = Math.floor(this.#recordNumber / 2 ** 32)
      this.#recordNumber++
    }
  }

  #next(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result
  }
}

/**
 * A checksum that does not depend on the order of the records: two files have the same one when
 * they hold the same records. Every record is hashed as a whole (the mixer of MurmurHash3), so a
 * payload that went to another key changes it.
 */
export class RecordChecksum {
  #sum = 0
  #rotatedSum = 0
  #recordCount = 0

  /** Adds all of `words`, whose length is a multiple of {@link recordWords}. */
  add(words: Int32Array): void {
    let sum = this.#sum
    let rotatedSum = this.#rotatedSum
    for (let at = 0; at < words.length; at += recordWords) {
      let hash = mix(words[at]!, words[at + 1]!)
      hash = mix(hash ^ words[at + 2]!, words[at + 3]!)
      sum = (sum + hash) | 0
      rotatedSum = (rotatedSum + Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)) | 0
    }
    this.#sum = sum
    this.#rotatedSum = rotatedSum
    this.#recordCount += words.length / recordWords
  }

  /** The checksum and the number of records, as text to compare and to show. */
  toString(): string {
    const digits = [this.#sum, this.#rotatedSum].map((sum) =>
      (sum >>> 0).toString(16).padStart(8, '0'),
    )
    return `${digits.join('')} over ${this.#recordCount} records`
  }
}

function mix(low: number, high: number): number {
  let hash = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ high
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Checks that records come in the order of their keys, however they are cut into pieces. */
export class OrderCheck {
  #low = 0
  #high = 0
  #recordCount = 0

  /** Checks the next `words` of the sequence; throws an `Error` that names the record. */
  add(words: Int32Array): void {
    let low = this.#low
    let high = this.#high
    for (let at = 0; at < words.length; at += recordWords) {
      const nextLow = words[at]! >>> 0
      const nextHigh = words[at + 1]! >>> 0
      if (nextHigh < high || (nextHigh === high && nextLow < low)) {
        throw new Error(`record ${this.#recordCount + at / recordWords} is out of order`)
      }
      low = nextLow
      high = nextHigh
    }
    this.#low = low
    this.#high = high
    this.#recordCount += words.length / recordWords
  }
}

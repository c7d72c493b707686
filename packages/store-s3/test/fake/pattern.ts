// A generated object of any size whose every byte is known: a block of random bytes of prime length,
// repeated. Bytes of another place differ, unless it is a multiple of that prime away.

import { createHash } from 'node:crypto'
import type { FakeObject } from './fake-s3.ts'

const periodBytes = 1_048_583
const sliceBytesMax = 16 * 2 ** 20

/** A pattern of `byteLength` bytes that `seed` fixes. */
export class Pattern {
  readonly byteLength: number
  readonly #seed: number
  readonly #block: Buffer

  constructor(byteLength: number, seed: number) {
    this.byteLength = byteLength
    this.#seed = seed
    const period = createHash('shake256', { outputLength: periodBytes })
      .update(`pattern ${seed}`)
      .digest()
    const copies = Math.ceil(Math.min(byteLength, sliceBytesMax) / periodBytes) + 1
    this.#block = Buffer.concat(Array.from({ length: copies }, () => period))
  }

  /** Bytes `from` to `to - 1`, at most 16 MiB: a view that must not be changed. */
  slice(from: number, to: number): Buffer {
    const start = from % periodBytes
    if (start + to - from > this.#block.byteLength) {
      throw new RangeError(`${to - from} bytes are more than a pattern gives at once`)
    }
    return this.#block.subarray(start, start + to - from)
  }

  /** The first offset at which `found`, read from `offset` on, is wrong; undefined where none is. */
  findWrongByte(offset: number, found: Uint8Array): number | undefined {
    const expected = this.slice(offset, offset + found.byteLength)
    if (expected.equals(found)) {
      return undefined
    }
    return offset + found.findIndex((byte, index) => byte !== expected[index])
  }

  /** The pattern as an object of the fake. */
  asObject(): Omit<FakeObject, 'lastModified'> {
    return {
      byteLength: this.byteLength,
      etag: `"${createHash('md5').update(`${this.byteLength} ${this.#seed}`).digest('hex')}"`,
      slice: (from, to) => this.slice(from, to),
    }
  }
}

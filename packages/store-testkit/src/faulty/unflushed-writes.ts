// What was written to a volatile store and not flushed yet, in pieces of 512 bytes: a disk's cache.
// Runs where the store runs. Knows nothing of faults.

import type { PageStore } from '@umap/store'

/** The unit in which devices tear writes. */
export const sectorBytes = 512

const { signal: neverAborted } = new AbortController()

/** Pieces in front of `inner`, which hold its newest bytes. */
export class UnflushedWrites {
  readonly #inner: PageStore
  // Sector index → bytes; null was discarded. A sector is replaced, never changed in place.
  #sectors = new Map<number, Uint8Array | null>()

  constructor(inner: PageStore) {
    this.#inner = inner
  }

  /** Bytes that are not flushed. */
  get byteLength(): number {
    return this.#sectors.size * sectorBytes
  }

  /** Reads through the cache. */
  async read(offset: number, target: Uint8Array, signal: AbortSignal): Promise<void | 'hole'> {
    // Before the inner read: a flush that ends beside it takes sectors out.
    const kept = [...sectorsOf(offset, target.byteLength)].flatMap((place) => {
      const bytes = this.#sectors.get(place[0])
      return bytes === undefined ? [] : [{ place, bytes }]
    })
    let isHole = (await this.#inner.read(offset, target, { signal })) === 'hole'
    for (const {
      place: [, start, from, to],
      bytes,
    } of kept) {
      if (isHole) {
        target.fill(0)
        isHole = false
      }
      const part = bytes?.subarray(from, to) ?? new Uint8Array(to - from)
      target.set(part, start + from - offset)
    }
    return isHole ? 'hole' : undefined
  }

  /** Keeps a copy of `source`. */
  async write(offset: number, source: Uint8Array): Promise<void> {
    for (const [index, start, from, to] of sectorsOf(offset, source.byteLength)) {
      const part = source.slice(start + from - offset, start + to - offset)
      const isWhole = from === 0 && (to === sectorBytes || start + to === this.#inner.byteLength)
      this.#sectors.set(index, isWhole ? part : await this.#merged(index, from, part))
    }
  }

  /** Makes zeros of the range. */
  async discard(offset: number, byteLength: number): Promise<void> {
    for (const [index, start, from, to] of sectorsOf(offset, byteLength)) {
      const isWhole = from === 0 && (to === sectorBytes || start + to === this.#inner.byteLength)
      const zeros = new Uint8Array(to - from)
      this.#sectors.set(index, isWhole ? null : await this.#merged(index, from, zeros))
    }
  }

  /** Gives everything to the inner store, and flushes that. What comes meanwhile stays here. */
  async flush(): Promise<void> {
    const flushed = new Map(this.#sectors)
    for (const [offset, bytes] of runsOf(flushed, this.#inner)) {
      if (bytes instanceof Uint8Array) {
        await this.#inner.write?.(offset, bytes, { signal: neverAborted })
      } else {
        await this.#inner.discard?.(offset, bytes)
      }
    }
    await this.#inner.flush?.()
    for (const [index, bytes] of flushed) {
      if (this.#sectors.get(index) === bytes) {
        this.#sectors.delete(index)
      }
    }
  }

  /** Forgets everything. */
  drop(): void {
    this.#sectors = new Map()
  }

  async #merged(index: number, from: number, part: Uint8Array): Promise<Uint8Array> {
    const start = index * sectorBytes
    const whole = new Uint8Array(Math.min(sectorBytes, this.#inner.byteLength - start))
    if ((await this.read(start, whole, neverAborted)) === 'hole') {
      whole.fill(0)
    }
    whole.set(part, from)
    return whole
  }
}

/** Sectors that a range touches: index, start in the store, and the part inside, from and to. */
function* sectorsOf(
  offset: number,
  byteLength: number,
): Generator<readonly [index: number, start: number, from: number, to: number]> {
  const end = offset + byteLength
  for (let index = Math.floor(offset / sectorBytes); index * sectorBytes < end; index++) {
    const start = index * sectorBytes
    yield [index, start, Math.max(offset - start, 0), Math.min(end - start, sectorBytes)]
  }
}

/** Neighbouring sectors as one call: where it begins, and its bytes, or how many are discarded. */
function* runsOf(
  sectors: ReadonlyMap<number, Uint8Array | null>,
  { byteLength, capabilities, discard }: PageStore,
): Generator<readonly [offset: number, bytes: Uint8Array | number]> {
  const sectorsMax = Math.max(1, Math.floor(capabilities.callBytesMax / sectorBytes))
  const indexes = [...sectors.keys()].sort((one, other) => one - other)
  for (let first = 0; first < indexes.length; ) {
    const index = indexes[first]!
    const isDiscard = sectors.get(index) === null && discard !== undefined
    let count = 1
    while (
      count < sectorsMax &&
      indexes[first + count] === index + count &&
      (sectors.get(index + count) === null && discard !== undefined) === isDiscard
    ) {
      count += 1
    }
    const offset = index * sectorBytes
    const length = Math.min(count * sectorBytes, byteLength - offset)
    if (isDiscard) {
      yield [offset, length]
    } else {
      const bytes = new Uint8Array(length)
      for (let part = 0; part < count; part++) {
        bytes.set(sectors.get(index + part) ?? [], part * sectorBytes)
      }
      yield [offset, bytes]
    }
    first += count
  }
}

// Reads ranges of blocks: each from the cache file where it is known, the rest from the store below,
// one call at a time, so that the store sees no more calls in flight than it is asked for. The
// caller holds the lock on the blocks.

import type { PageStore, StoreCallOptions } from '../../page-store.ts'
import type { BufferPool } from '../buffer-pool.ts'
import type { CacheFile } from './cache-file.ts'
import type { InsertQueue } from './insert-queue.ts'

/** Blocks that were read, and whence. */
export interface ReadCounts {
  hits: number
  misses: number
  torn: number
}

interface ReaderParts {
  readonly inner: PageStore
  readonly file: CacheFile
  readonly queue: InsertQueue
  readonly buffers: BufferPool
}

/** One read: what is wanted, and where it goes. */
interface Wanted {
  readonly offset: number
  readonly end: number
  readonly target: Uint8Array
  readonly options: StoreCallOptions
  readonly epoch: () => number
  /** Blocks that turned out to hold bytes, as opposed to holes. */
  readonly filled: Set<number>
}

/** Reads through the cache. */
export class BlockReader {
  readonly counts: ReadCounts = { hits: 0, misses: 0, torn: 0 }
  readonly #inner: PageStore
  readonly #file: CacheFile
  readonly #queue: InsertQueue
  readonly #buffers: BufferPool
  readonly #blockBytes: number

  constructor({ inner, file, queue, buffers }: ReaderParts) {
    this.#inner = inner
    this.#file = file
    this.#queue = queue
    this.#buffers = buffers
    this.#blockBytes = file.header.blockBytes
  }

  /** As `read` of a store. Blocks that are put into the cache get the `epoch` of their arrival. */
  async read(
    offset: number,
    target: Uint8Array,
    options: StoreCallOptions,
    epoch: () => number,
  ): Promise<void | 'hole'> {
    const end = offset + target.byteLength
    const wanted: Wanted = { offset, end, target, options, epoch, filled: new Set() }
    const first = Math.floor(offset / this.#blockBytes)
    const last = Math.ceil(end / this.#blockBytes) - 1
    // 1. What memory knows at once; what is in the file is read beside the rest.
    const missing: number[] = []
    const reading: Promise<void>[] = []
    for (let block = first; block <= last; block++) {
      const slot = this.#lookUp(block, wanted)
      if (typeof slot === 'number') {
        reading.push(this.#readSlot(slot, block, wanted, missing))
      } else if (slot === 'missing') {
        missing.push(block)
      }
    }
    // 2. Nothing may use `target` any more when this settles, whatever failed.
    const outcomes = await Promise.allSettled([
      this.#readMissing(missing.splice(0), wanted),
      ...reading,
    ])
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) {
      throw failed.reason
    }
    // 3. What was torn.
    await this.#readMissing(
      missing.sort((a, b) => a - b),
      wanted,
    )
    // 4. Holes among bytes are zeros.
    if (wanted.filled.size === 0) {
      return 'hole'
    }
    for (let block = first; block <= last; block++) {
      if (!wanted.filled.has(block)) {
        this.#part(block, wanted).fill(0)
      }
    }
    return undefined
  }

  #lookUp(block: number, wanted: Wanted): number | 'missing' | 'done' {
    const waiting = this.#queue.find(block)
    if (waiting !== undefined) {
      this.#copy(block, waiting, wanted)
      this.counts.hits += 1
      return 'done'
    }
    const found = this.#file.find(block)
    if (found === 'hole') {
      this.counts.hits += 1
      return 'done'
    }
    return found ?? 'missing'
  }

  async #readSlot(slot: number, block: number, wanted: Wanted, missing: number[]): Promise<void> {
    const byteLength = this.#file.lengthOf(block)
    const part = this.#part(block, wanted)
    const isWhole = part.byteLength === byteLength
    const bytes = isWhole ? part : this.#buffers.take(byteLength)
    const holds = await this.#file.read(slot, block, bytes)
    if (holds) {
      this.counts.hits += 1
      wanted.filled.add(block)
      part.set(isWhole ? part : this.#cut(block, bytes, wanted))
    } else {
      this.counts.torn += 1
      missing.push(block)
    }
    if (!isWhole) {
      this.#buffers.giveBack(bytes)
    }
  }

  // Neighbours are read together, up to what the store wants in one call.
  async #readMissing(blocks: readonly number[], wanted: Wanted): Promise<void> {
    const perCall = Math.max(
      1,
      Math.floor(this.#inner.capabilities.callBytesMax / this.#blockBytes),
    )
    for (let index = 0; index < blocks.length; ) {
      const first = blocks[index] as number
      let count = 1
      while (count < perCall && blocks[index + count] === first + count) {
        count += 1
      }
      await this.#fetch(first, first + count - 1, wanted)
      index += count
    }
  }

  async #fetch(first: number, last: number, wanted: Wanted): Promise<void> {
    const offset = first * this.#blockBytes
    const end = Math.min((last + 1) * this.#blockBytes, this.#inner.byteLength)
    const isInside = offset >= wanted.offset && end <= wanted.end
    const bytes = isInside
      ? wanted.target.subarray(offset - wanted.offset, end - wanted.offset)
      : this.#buffers.take(end - offset)
    try {
      const hole = await this.#readInner(offset, bytes, wanted.options)
      this.counts.misses += last - first + 1
      if (hole) {
        this.#file.putHoles(first, last, wanted.epoch())
        return
      }
      for (let block = first; block <= last; block++) {
        const at = block * this.#blockBytes - offset
        const blockBytes = bytes.subarray(at, at + this.#file.lengthOf(block))
        this.#queue.add(block, blockBytes, wanted.epoch())
        if (isInside) {
          wanted.filled.add(block)
        } else {
          this.#copy(block, blockBytes, wanted)
        }
      }
    } finally {
      if (!isInside) {
        this.#buffers.giveBack(bytes)
      }
    }
  }

  // True where all of it is a hole. A block may be longer than what the store wants in a call.
  async #readInner(offset: number, bytes: Uint8Array, options: StoreCallOptions): Promise<boolean> {
    const { callBytesMax } = this.#inner.capabilities
    const pieceBytes = bytes.byteLength > this.#blockBytes ? bytes.byteLength : callBytesMax
    const holes: Uint8Array[] = []
    let pieceCount = 0
    for (let done = 0; done < bytes.byteLength; done += pieceBytes) {
      const piece = bytes.subarray(done, Math.min(done + pieceBytes, bytes.byteLength))
      pieceCount += 1
      if ((await this.#inner.read(offset + done, piece, options)) === 'hole') {
        holes.push(piece)
      }
    }
    if (holes.length === pieceCount) {
      return true
    }
    for (const hole of holes) {
      hole.fill(0)
    }
    return false
  }

  /** The part of the target that `block` goes to. */
  #part(block: number, { offset, end, target }: Wanted): Uint8Array {
    const from = Math.max(block * this.#blockBytes, offset)
    const to = Math.min((block + 1) * this.#blockBytes, end)
    return target.subarray(from - offset, to - offset)
  }

  /** The part of the block's bytes that is wanted. */
  #cut(block: number, bytes: Uint8Array, { offset, end }: Wanted): Uint8Array {
    const start = block * this.#blockBytes
    return bytes.subarray(Math.max(offset - start, 0), end - start)
  }

  #copy(block: number, bytes: Uint8Array, wanted: Wanted): void {
    this.#part(block, wanted).set(this.#cut(block, bytes, wanted))
    wanted.filled.add(block)
  }
}

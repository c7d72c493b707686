// Blocks on their way into the cache file, in the background: no read waits for the cache's disk.
// Bounded; what does not fit is not cached. Until a block is in, it is served from here. One thread.

import type { BufferPool } from '../buffer-pool.ts'
import type { LayerRuntime } from '../runtime.ts'
import type { CacheFile } from './cache-file.ts'

interface Insert {
  readonly block: number
  readonly bytes: Uint8Array
  readonly epoch: number
  isWanted: boolean
}

/** What became of the blocks that were to be inserted. */
export interface InsertCounts {
  inserts: number
  evictions: number
  dropped: number
}

const queuedBytesMax = 16 * 2 ** 20
// After a failure, a full disk mostly, nothing is inserted for a while.
const restMs = 5000

/** The queue of one cache file. */
export class InsertQueue {
  readonly counts: InsertCounts = { inserts: 0, evictions: 0, dropped: 0 }
  readonly #file: CacheFile
  readonly #buffers: BufferPool
  readonly #runtime: LayerRuntime
  readonly #onFailure: (error: unknown) => void
  readonly #waiting: Insert[] = []
  readonly #newest = new Map<number, Insert>()
  #queuedBytes = 0
  #restUntilMs = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined

  constructor(
    file: CacheFile,
    buffers: BufferPool,
    runtime: LayerRuntime,
    onFailure: (error: unknown) => void,
  ) {
    this.#file = file
    this.#buffers = buffers
    this.#runtime = runtime
    this.#onFailure = onFailure
  }

  /** Copies `bytes`, which hold `block`, and has them inserted, unless too much waits already. */
  add(block: number, bytes: Uint8Array, epoch: number): void {
    const isFull = this.#queuedBytes + bytes.byteLength > queuedBytesMax
    if (isFull || this.#file.broken !== undefined || this.#runtime.now() < this.#restUntilMs) {
      this.counts.dropped += 1
      return
    }
    const copy = this.#buffers.take(bytes.byteLength)
    copy.set(bytes)
    const insert: Insert = { block, bytes: copy, epoch, isWanted: true }
    this.cancel(block, block)
    this.#newest.set(block, insert)
    this.#waiting.push(insert)
    this.#queuedBytes += copy.byteLength
    this.#running ??= this.#run()
  }

  /** The bytes of `block`, where it waits; they are to be copied at once. */
  find(block: number): Uint8Array | undefined {
    return this.#newest.get(block)?.bytes
  }

  /** The blocks from `first` to `last` shall not get in. */
  cancel(first: number, last: number): void {
    for (const [block, insert] of this.#newest) {
      if (block >= first && block <= last) {
        insert.isWanted = false
        this.#newest.delete(block)
      }
    }
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Not before the caller has gone on: a read shall be answered first.
    await undefined
    for (let insert = this.#waiting.shift(); insert; insert = this.#waiting.shift()) {
      await this.#insert(insert)
      this.#queuedBytes -= insert.bytes.byteLength
      if (this.#newest.get(insert.block) === insert) {
        this.#newest.delete(insert.block)
      }
      this.#buffers.giveBack(insert.bytes)
    }
    this.#running = undefined
  }

  async #insert(insert: Insert): Promise<void> {
    const { block, bytes, epoch } = insert
    if (!insert.isWanted || this.#runtime.now() < this.#restUntilMs) {
      this.counts.dropped += 1
      return
    }
    try {
      const outcome = await this.#file.put(block, bytes, epoch, () => insert.isWanted)
      this.counts[outcome === 'refused' ? 'dropped' : 'inserts'] += 1
      this.counts.evictions += outcome === 'evicted' ? 1 : 0
    } catch (error) {
      this.counts.dropped += 1
      this.#restUntilMs = this.#runtime.now() + restMs
      this.#onFailure(error)
    }
  }
}

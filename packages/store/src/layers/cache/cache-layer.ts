// The cache layer: reads are served from the cache file where it knows the block, writes go through
// to the store below first. The rule that keeps it right: a block is forgotten, in the file too,
// before the store below may change it, and put in again only once that has succeeded. One thread.

import type { PageStore, StoreCallOptions } from '../../page-store.ts'
import { StoreError, storeErrorCodes } from '../../store-error.ts'
import { BufferPool } from '../buffer-pool.ts'
import { layerCapabilities } from '../layer.ts'
import type { LayerRuntime } from '../runtime.ts'
import { BlockReader } from './block-reader.ts'
import type { CacheFile } from './cache-file.ts'
import { InsertQueue } from './insert-queue.ts'
import { RangeLocks } from './range-locks.ts'
import type { CacheStats } from './stats.ts'

/** What a cache layer is made of. */
export interface CacheLayerParts {
  readonly inner: PageStore
  readonly file: CacheFile
  readonly runtime: LayerRuntime
  /** The key of the version that the store below has now. */
  readonly versionKey: () => Uint8Array
  /** Something was written by an earlier opening, and a flush must still cover it. */
  readonly unflushed: boolean
  /** Told once for each kind of trouble that makes the cache do less than it should. */
  readonly onTrouble: (what: string, error: unknown) => void
  readonly unlock: () => Promise<void>
}

/** The calls of a store with a cache file. */
export class CacheLayer {
  readonly #parts: CacheLayerParts
  readonly #buffers = new BufferPool()
  readonly #locks = new RangeLocks()
  readonly #queue: InsertQueue
  readonly #reader: BlockReader
  readonly #inFlight = new Set<Promise<unknown>>()
  // What is put into the cache now is tagged with this; it holds once the header's is as high.
  #epoch: number
  #unflushed: boolean
  #writesInFlight = 0
  #marking: Promise<void> | undefined
  #flushing: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(parts: CacheLayerParts) {
    const { inner, file, runtime, onTrouble } = parts
    this.#parts = parts
    this.#queue = new InsertQueue(file, this.#buffers, runtime, (error) =>
      onTrouble('blocks cannot be written to the cache file', error),
    )
    this.#reader = new BlockReader({ inner, file, queue: this.#queue, buffers: this.#buffers })
    this.#unflushed = parts.unflushed
    this.#epoch = file.header.epoch + (parts.unflushed ? 1 : 0)
  }

  /** The layer as a store, with the functions that the store below has. */
  store(): PageStore & { stats(): CacheStats } {
    const { inner } = this.#parts
    return {
      byteLength: inner.byteLength,
      capabilities: layerCapabilities(inner),
      get version() {
        return inner.version
      },
      read: (offset, target, options) => this.#run(() => this.#read(offset, target, options)),
      ...(inner.write !== undefined && {
        write: (offset: number, source: Uint8Array, options: StoreCallOptions) =>
          this.#run(() => this.#write(offset, source, options)),
      }),
      // A store that is durable at once has none; the file has to follow its version nevertheless.
      ...((inner.flush ?? inner.write) !== undefined && {
        flush: () => this.#run(() => this.#flush()),
      }),
      ...(inner.discard !== undefined && {
        discard: (offset: number, byteLength: number) =>
          this.#run(() => this.#discard(offset, byteLength)),
      }),
      close: () => {
        this.#closing ??= this.#close()
        return this.#closing
      },
      stats: () => ({ ...this.#reader.counts, ...this.#queue.counts }),
    }
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new StoreError('the cached store is closed', { code: storeErrorCodes.closed })
    }
    const running = call()
    this.#inFlight.add(running)
    try {
      return await running
    } finally {
      this.#inFlight.delete(running)
    }
  }

  async #read(
    offset: number,
    target: Uint8Array,
    options: StoreCallOptions,
  ): Promise<void | 'hole'> {
    const { inner } = this.#parts
    const [first, last] = this.#blocksOf(offset, target.byteLength)
    if (last < first) {
      // Nothing is asked for; the store below knows what to say to that.
      return await inner.read(offset, target, options)
    }
    const unlock = await this.#locks.acquire(first, last, options?.signal)
    try {
      // Taken when bytes arrive: what was read while somebody wrote is not older than that write.
      return await this.#reader.read(offset, target, options, () => this.#epoch)
    } finally {
      unlock()
    }
  }

  async #write(offset: number, source: Uint8Array, options: StoreCallOptions): Promise<void> {
    const { inner } = this.#parts
    await this.#change(offset, source.byteLength, options?.signal, async () => {
      await inner.write?.(offset, source, options)
      this.#keepWritten(offset, source)
    })
  }

  async #discard(offset: number, byteLength: number): Promise<void> {
    const { inner } = this.#parts
    await this.#change(offset, byteLength, undefined, async () => {
      await inner.discard?.(offset, byteLength)
    })
  }

  // 1. Nobody else uses the blocks. 2. A crash is told from now on that the store may be ahead of
  // its version. 3. The blocks are forgotten. 4. The store below changes.
  async #change(
    offset: number,
    byteLength: number,
    signal: AbortSignal | undefined,
    change: () => Promise<void>,
  ): Promise<void> {
    const [first, last] = this.#blocksOf(offset, byteLength)
    const unlock = await this.#locks.acquire(first, last, signal)
    this.#writesInFlight += 1
    try {
      await this.#markUnflushed()
      this.#forget(first, last)
      await change()
    } finally {
      this.#writesInFlight -= 1
      unlock()
    }
  }

  #forget(first: number, last: number): void {
    this.#queue.cancel(first, last)
    try {
      this.#parts.file.forget(first, last)
    } catch (error) {
      // The store must not change under a file that would be believed later.
      throw new StoreError('the cache file can neither be changed nor removed', {
        code: storeErrorCodes.unknown,
        retryable: true,
        cause: error,
      })
    }
  }

  // A block that was written in part would need a read first; it is left out.
  #keepWritten(offset: number, source: Uint8Array): void {
    const { file } = this.#parts
    const { blockBytes, byteLength } = file.header
    const end = offset + source.byteLength
    for (let block = Math.ceil(offset / blockBytes); block * blockBytes < end; block++) {
      const from = block * blockBytes
      const to = Math.min(from + blockBytes, byteLength)
      if (to <= end) {
        this.#queue.add(block, source.subarray(from - offset, to - offset), this.#epoch)
      }
    }
  }

  #markUnflushed(): Promise<void> {
    if (!this.#unflushed) {
      this.#unflushed = true
      this.#marking = this.#writeMark()
    }
    return this.#marking ?? Promise.resolve()
  }

  async #writeMark(): Promise<void> {
    const { file, inner } = this.#parts
    if (this.#epoch === file.header.epoch) {
      this.#epoch += 1
    }
    if (file.header.unflushed) {
      return
    }
    file.setHeader({ unflushed: true })
    if (!inner.capabilities.atomicFlush) {
      // Any write may be durable at any time: the mark has to be so before.
      await file.sync()
    }
  }

  #flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#flushNow())
    this.#flushing = flushed.catch(() => undefined)
    return flushed
  }

  async #flushNow(): Promise<void> {
    const { file, inner, versionKey } = this.#parts
    if (!this.#unflushed) {
      await inner.flush?.()
      return
    }
    // 1. What comes from now on is not covered, nor what is under way.
    const covered = this.#epoch
    const late = this.#writesInFlight > 0
    this.#epoch += 1
    this.#unflushed = false
    try {
      // 2. What was forgotten must stay so before the bytes that made it wrong are durable.
      await file.sync()
      await inner.flush?.()
    } catch (error) {
      this.#unflushed = true
      throw error
    }
    // 3. The file holds the bytes of the new version.
    this.#unflushed ||= late
    file.setHeader({
      versionKey: versionKey(),
      epoch: this.#unflushed ? covered : this.#epoch,
      unflushed: this.#unflushed,
    })
  }

  async #close(): Promise<void> {
    const { inner, file, unlock } = this.#parts
    await Promise.allSettled(this.#inFlight)
    await this.#queue.drained()
    try {
      await inner.close()
    } finally {
      file.close()
      await unlock()
    }
  }

  #blocksOf(offset: number, byteLength: number): [first: number, last: number] {
    const { blockBytes, byteLength: size } = this.#parts.file.header
    const isInside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(byteLength) &&
      offset >= 0 &&
      byteLength >= 0 &&
      offset + byteLength <= size
    if (!isInside) {
      throw new StoreError(`${byteLength} bytes at ${offset} are not inside a store of ${size}`, {
        code: storeErrorCodes.range,
      })
    }
    const last = Math.ceil((offset + byteLength) / blockBytes) - 1
    return [Math.floor(offset / blockBytes), last]
  }
}

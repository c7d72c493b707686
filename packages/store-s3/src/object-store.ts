// One object, pinned to the version it had when it was opened, as a read-only store. The bytes come
// by `RangeReads`; here is the contract around them. Runs in the store host.

import { type PageStore, type StoreCapabilities, StoreError, storeErrorCodes } from '@umap/store'
import { RangeReads } from './range-reads.ts'
import type { S3Access, S3ObjectFacts } from './s3-access.ts'
import type { S3StoreStats } from './stats.ts'

/** Which object, and which version of it. */
export interface PinnedObject extends S3ObjectFacts {
  readonly key: string
}

/** What a call may be given; it may be left out when a store is used by itself. */
export interface ReadOptions {
  readonly signal?: AbortSignal
}

const callBytesMax = 8 * 2 ** 20
const concurrencyMax = 32

/** An open object as a {@link PageStore}. */
export class ObjectStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities = Object.freeze({
    writable: false,
    concurrencyMax,
    callBytesMax,
    atomicFlush: false,
  })
  /** The ETag: an object that was written again has another one. */
  readonly version: string
  readonly #s3: S3Access
  readonly #name: string
  readonly #reads: RangeReads
  readonly #inFlight = new Set<Promise<void>>()
  #closing: Promise<void> | undefined

  /** Takes over `s3`, which `close` closes. */
  constructor(s3: S3Access, object: PinnedObject) {
    this.#s3 = s3
    this.#name = `${s3.bucket}/${object.key}`
    this.byteLength = object.byteLength
    this.version = object.etag
    this.#reads = new RangeReads(s3, object)
  }

  /**
   * Fills `target`. Reads that touch each other are one request, large ones several at once.
   * Rejects with 'S3_CHANGED' once the object is another one than was opened.
   */
  read(offset: number, target: Uint8Array, options?: ReadOptions): Promise<void> {
    const reading = this.#read(offset, target, options?.signal)
    this.#inFlight.add(reading)
    const settled = () => this.#inFlight.delete(reading)
    reading.then(settled, settled)
    return reading
  }

  /** What was done since the store was opened. */
  stats(): S3StoreStats {
    return this.#s3.stats()
  }

  /** Drops the connections once all reads have settled. Reads after it reject. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#inFlight).then(() => this.#s3.close())
    return this.#closing
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #read(offset: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closing !== undefined) {
      throw new StoreError(`${this.#name} is closed`, { code: storeErrorCodes.closed })
    }
    const to = offset + target.byteLength
    if (!Number.isSafeInteger(offset) || offset < 0 || to > this.byteLength) {
      throw new StoreError(
        `${target.byteLength} bytes at ${offset} are not inside ${this.#name}, ` +
          `${this.byteLength} bytes`,
        { code: storeErrorCodes.range },
      )
    }
    signal?.throwIfAborted()
    if (target.byteLength > 0) {
      await this.#reads.read(offset, target, signal)
    }
  }
}

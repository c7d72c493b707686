// A writable data set as a PageStore. Writes are staged on the local disk; a flush uploads what is
// staged as new chunk objects and then swaps the manifest, so that others see all of it or nothing.
// Runs in a store host.

import { type PageStore, type StoreCapabilities, StoreError, storeErrorCodes } from '@umap/store'
import type { S3Access } from '../s3-access.ts'
import type { S3StoreStats } from '../stats.ts'
import { BlockReader, ChunkMissing } from './block-reader.ts'
import type { ChunkShape } from './chunk-format.ts'
import type { ChunkName } from './chunk-table.ts'
import { ChunkUploads } from './chunk-uploads.ts'
import { ChunkView } from './chunk-view.ts'
import { corruptError, versionGoneError } from './errors.ts'
import { Garbage } from './garbage.ts'
import { encodeManifest, type Manifest } from './manifest.ts'
import type { ManifestChain, NextState } from './manifest-chain.ts'
import type { DatasetObjects } from './objects.ts'
import type { DatasetSettings } from './options.ts'
import { Staging } from './staging.ts'
import { StagingFile } from './staging-file.ts'
import type { JournalRecord, StagingJournal } from './staging-journal.ts'

/** What one opening counts. */
export interface DatasetStats extends S3StoreStats {
  readonly chunksUploaded: number
  /** Bytes of the staging file in use. */
  readonly stagedBytes: number
}

/** What a data set store is made of. */
export interface DatasetParts {
  /** Closed by the store. */
  readonly s3: S3Access
  readonly objects: DatasetObjects
  readonly chain: ManifestChain
  readonly settings: DatasetSettings
  /** 16 hexadecimal digits that no other opening has. */
  readonly session: string
  readonly writable: boolean
  /** Told what is staged and uploaded; removed by `close`. */
  readonly journal?: StagingJournal
  /** What an earlier opening told it. */
  readonly records?: readonly JournalRecord[]
}

/** What a call may be given; it may be left out when a store is used by itself. */
export interface DatasetCallOptions {
  readonly signal?: AbortSignal
}

/** A part of a call that lies in one chunk. */
interface ChunkPart {
  readonly chunk: number
  /** Offset in the chunk. */
  readonly at: number
  /** Offset in the memory of the call. */
  readonly from: number
  readonly to: number
}

const concurrencyMax = 32
const callBytesMax = 4 * 2 ** 20

/** An open data set. Made by `openDataset`. */
export class DatasetStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly #s3: S3Access
  readonly #objects: DatasetObjects
  readonly #chain: ManifestChain
  readonly #settings: DatasetSettings
  readonly #session: string
  readonly #journal: StagingJournal | undefined
  readonly #view: ChunkView
  readonly #staging: Staging
  readonly #blocks: BlockReader
  readonly #uploads: ChunkUploads
  readonly #garbage: Garbage
  readonly #inFlight = new Set<Promise<unknown>>()
  #flushed: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined
  // Objects up to this number may be named by a manifest that was sent.
  #sentSequence = 0

  constructor(parts: DatasetParts) {
    const { s3, objects, chain, settings, session, writable, journal, records = [] } = parts
    const { shape, chunks } = chain.manifest
    this.byteLength = shape.byteLength
    this.capabilities = Object.freeze({
      writable,
      concurrencyMax,
      callBytesMax: Math.min(callBytesMax, Math.max(shape.chunkBytes, shape.blockBytes)),
      atomicFlush: true,
    })
    this.#s3 = s3
    this.#objects = objects
    this.#chain = chain
    this.#settings = settings
    this.#session = session
    this.#journal = journal
    this.#view = new ChunkView(chunks, session, journal)
    this.#view.restore(records)
    this.#staging = new Staging(
      new StagingFile(settings.stagingDirectory, shape.blockBytes, journal?.stagingPath),
      journal,
    )
    this.#staging.restore(records)
    this.#blocks = new BlockReader((name, from, byteLength, signal) =>
      objects.getChunk(name, from, byteLength, signal),
    )
    this.#garbage = new Garbage(objects, this.#view.ownSessions, settings.readerGraceMs)
    this.#uploads = new ChunkUploads(
      {
        staging: this.#staging,
        view: this.#view,
        shapeOf: (chunk) => this.#shapeOf(chunk),
        readBase: (chunk, at, target) => this.#readBase(chunk, at, target),
        put: (name, object) => objects.putChunk(name, object),
        replaced: (name) => this.#replaced(name),
      },
      shape.chunkBytes,
    )
  }

  /** The state that this opening is at: the one it read, or the one its last flush made. */
  get version(): string {
    return this.#chain.manifest.id
  }

  stats(): DatasetStats {
    return {
      ...this.#s3.stats(),
      chunksUploaded: this.#uploads.uploadedCount,
      stagedBytes: this.#staging.usedBytes,
    }
  }

  /**
   * Fills `target`, or says 'hole'. Rejects with 'S3_VERSION_GONE' where a chunk of the state that
   * was opened has been collected, with 'S3_CORRUPT' where a checksum does not fit.
   */
  read(
    offset: number,
    target: Uint8Array,
    options?: DatasetCallOptions,
  ): Promise<'hole' | undefined> {
    return this.#run(() => this.#readAll(offset, target, options?.signal))
  }

  /** Stages `source`. Uploads other chunks first where too much is staged. */
  write(offset: number, source: Uint8Array, options?: DatasetCallOptions): Promise<void> {
    return this.#run(() => this.#writeAll(offset, source, options?.signal))
  }

  /**
   * Uploads what is staged, and swaps the manifest. Rejects with 'S3_CONFLICT' where another writer
   * has changed the data set since this one opened it; nothing is lost here then, and every later
   * flush rejects likewise. After another failure, a later flush goes on where this one ended.
   */
  flush(): Promise<void> {
    return this.#run(() => {
      const flushed = this.#flushed.then(() => this.#flushNow())
      this.#flushed = flushed.catch(() => undefined)
      return flushed
    })
  }

  /** Makes holes of whole chunks, and stages zeros for parts of chunks. */
  discard(offset: number, byteLength: number): Promise<void> {
    return this.#run(async () => {
      this.#checkWritable()
      this.#checkRange(offset, byteLength)
      for (const part of this.#partsOf(offset, byteLength)) {
        await this.#discardPart(part)
      }
    })
  }

  /**
   * Waits for calls in flight. What was not flushed is dropped, and its chunk objects are deleted
   * where that is safe.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new StoreError(`${this.#objects.where} is closed`, { code: storeErrorCodes.closed })
    }
    const running = call()
    this.#inFlight.add(running)
    try {
      return await running
    } finally {
      this.#inFlight.delete(running)
    }
  }

  async #closeWhenIdle(): Promise<void> {
    await Promise.allSettled(this.#inFlight)
    if (this.#chain.isSettled) {
      this.#garbage.discard(this.#view.uncommitted())
    }
    await this.#garbage.end()
    this.#staging.close()
    this.#journal?.remove()
    this.#s3.close()
  }

  async #readAll(
    offset: number,
    target: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<'hole' | undefined> {
    this.#checkRange(offset, target.byteLength)
    signal?.throwIfAborted()
    const parts = this.#partsOf(offset, target.byteLength)
    // All of them, not the first failure only: none may touch `target` once this has settled.
    const ends = await Promise.allSettled(
      parts.map(({ chunk, at, from, to }) =>
        this.#readPart(chunk, at, target.subarray(from, to), signal),
      ),
    )
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) {
      throw failed.reason
    }
    const isHole = ends.map((end) => end.status === 'fulfilled' && end.value === 'hole')
    if (!isHole.includes(false)) {
      return 'hole'
    }
    for (const [index, { from, to }] of parts.entries()) {
      if (isHole[index] === true) {
        target.fill(0, from, to)
      }
    }
    return undefined
  }

  async #readPart(
    chunk: number,
    at: number,
    target: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<'hole' | undefined> {
    const end = at + target.byteLength
    const staged = this.#staging.get(chunk)?.ranges
    if (staged?.covers(at, end) !== true) {
      const isUntouched = staged === undefined || staged.within(at, end).length === 0
      if (isUntouched && this.#view.get(chunk) === undefined) {
        return 'hole'
      }
      await this.#readBase(chunk, at, target, signal)
    }
    // At once after it was read, so that what is staged is newer than that, or the same.
    this.#staging.overlay(chunk, at, target)
    return undefined
  }

  // The object may be replaced by one with more in it, and be collected, while it is being read.
  async #readBase(
    chunk: number,
    at: number,
    target: Uint8Array,
    signal?: AbortSignal,
  ): Promise<void> {
    for (;;) {
      const name = this.#view.get(chunk)
      if (name === undefined) {
        target.fill(0)
        return
      }
      try {
        await this.#blocks.read(name, this.#shapeOf(chunk), at, target, signal)
      } catch (error) {
        if (!(error instanceof ChunkMissing)) {
          throw error
        }
        await this.#explainMissing(chunk, name)
        continue
      }
      if (this.#isStill(chunk, name)) {
        this.#s3.counters.neededBytes += target.byteLength
        return
      }
    }
  }

  // Returns where the chunk is another object by now.
  async #explainMissing(chunk: number, name: ChunkName): Promise<void> {
    if (!this.#isStill(chunk, name)) {
      return
    }
    const current = await this.#chain.readCurrentId()
    if (!this.#isStill(chunk, name)) {
      return
    }
    const { id } = this.#chain.manifest
    if (current === id) {
      throw corruptError(
        `chunk ${chunk} of ${this.#objects.where} is missing: ${name.session}/${name.sequence}`,
      )
    }
    throw versionGoneError(this.#objects.where, id)
  }

  #isStill(chunk: number, name: ChunkName): boolean {
    const now = this.#view.get(chunk)
    return now?.session === name.session && now.sequence === name.sequence
  }

  async #writeAll(
    offset: number,
    source: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    this.#checkWritable()
    this.#checkRange(offset, source.byteLength)
    signal?.throwIfAborted()
    for (const { chunk, at, from, to } of this.#partsOf(offset, source.byteLength)) {
      await this.#stage(chunk, at, source.subarray(from, to))
    }
  }

  async #stage(chunk: number, at: number, bytes: Uint8Array): Promise<void> {
    try {
      this.#staging.write(chunk, at, bytes)
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'ENOSPC') {
        throw error
      }
      // Slots that an upload frees can be written again without space on the disk.
      await this.#uploads.spill()
      this.#staging.write(chunk, at, bytes)
    }
    for (;;) {
      const before = this.#staging.usedBytes
      if (before <= this.#settings.stagingBytes) {
        return
      }
      await this.#uploads.spill()
      if (this.#staging.usedBytes >= before) {
        return
      }
    }
  }

  async #discardPart({ chunk, at, from, to }: ChunkPart): Promise<void> {
    const byteLength = to - from
    if (byteLength < this.#shapeOf(chunk).dataBytes) {
      if (this.#view.get(chunk) !== undefined || this.#staging.get(chunk) !== undefined) {
        await this.#stage(chunk, at, Buffer.alloc(byteLength))
      }
      return
    }
    this.#staging.drop(chunk)
    const old = this.#view.replace(chunk, undefined)
    if (old !== undefined) {
      this.#replaced(old)
    }
  }

  #replaced(name: ChunkName): void {
    const isKnownToNobody = name.session === this.#session && name.sequence > this.#sentSequence
    this.#garbage.replaced(name, isKnownToNobody)
  }

  async #flushNow(): Promise<void> {
    const isDirty = this.#staging.dirty().length > 0 || this.#view.changed.size > 0
    if (!this.capabilities.writable || (!isDirty && !this.#chain.isUnresolved)) {
      this.#chain.throwIfLost()
      return
    }
    // 1. Chunk objects, under names that nobody knows yet.
    this.#chain.throwIfLost()
    await Promise.all([
      this.#uploads.uploadDirty(),
      this.#garbage.findOrphans(this.#chain.manifest),
    ])
    // 2. One object that names them all.
    const manifest = await this.#chain.swap(
      (current) => this.#nextState(current),
      (id) => this.#journal?.append(['sent', id]),
    )
    // 3. What is in it need not be staged any more, unless it was written again meanwhile.
    this.#view.commit(manifest.chunks)
    for (const staged of this.#staging.all()) {
      const isCommitted = !this.#view.changed.has(staged.chunk)
      if (staged.version === staged.uploadedVersion && isCommitted) {
        this.#staging.drop(staged.chunk)
      }
    }
    this.#settleJournal()
    // 4. What it lets go is garbage. Nobody waits for that.
    this.#garbage.collect(manifest)
  }

  #nextState(current: Manifest): NextState | undefined {
    this.#view.commit(current.chunks)
    const { changed } = this.#view
    if (changed.size === 0) {
      return undefined
    }
    const chunks = this.#view.snapshot()
    this.#sentSequence = this.#view.lastSequence
    return { chunks, retired: this.#garbage.retiredBy(current, chunks, changed) }
  }

  #settleJournal(): void {
    const { manifest, etag } = this.#chain.current
    this.#journal?.settle(encodeManifest(manifest), etag, this.#objects.etagForm, () => [
      ...this.#view.records(),
      ...this.#staging.records(),
    ])
  }

  #partsOf(offset: number, byteLength: number): ChunkPart[] {
    const { chunkBytes } = this.#chain.manifest.shape
    const parts: ChunkPart[] = []
    for (let from = 0; from < byteLength; ) {
      const chunk = Math.floor((offset + from) / chunkBytes)
      const at = offset + from - chunk * chunkBytes
      const to = Math.min(byteLength, from + chunkBytes - at)
      parts.push({ chunk, at, from, to })
      from = to
    }
    return parts
  }

  #shapeOf(chunk: number): ChunkShape {
    const { chunkBytes, blockBytes, byteLength } = this.#chain.manifest.shape
    return { dataBytes: Math.min(chunkBytes, byteLength - chunk * chunkBytes), blockBytes }
  }

  #checkWritable(): void {
    if (!this.capabilities.writable) {
      throw new StoreError(`${this.#objects.where} was opened read-only`, {
        code: storeErrorCodes.readOnly,
      })
    }
  }

  #checkRange(offset: number, byteLength: number): void {
    const isInside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(byteLength) &&
      offset >= 0 &&
      byteLength >= 0 &&
      offset + byteLength <= this.byteLength
    if (!isInside) {
      throw new StoreError(
        `${byteLength} bytes at offset ${offset} are not inside ${this.#objects.where}, ` +
          `${this.byteLength} bytes`,
        { code: storeErrorCodes.range },
      )
    }
  }
}

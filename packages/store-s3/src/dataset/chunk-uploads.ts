// Makes chunk objects of staged bytes: reads what is missing of a chunk, merges, uploads under a new
// name. Bounded in number, and so in memory. A chunk of zeros becomes a hole without an object.

import { type ChunkShape, encodeChunk } from './chunk-format.ts'
import type { ChunkName } from './chunk-table.ts'
import type { ChunkView } from './chunk-view.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import type { StagedChunk, Staging } from './staging.ts'

const uploadBytesMax = 32 * 2 ** 20
const uploadsMax = 8

/** What uploading needs of its data set. */
export interface UploadContext {
  readonly staging: Staging
  readonly view: ChunkView
  shapeOf(chunk: number): ChunkShape
  /** Fills `target` from `at` of `chunk` on with what its object has, zeros for a hole. */
  readBase(chunk: number, at: number, target: Uint8Array): Promise<void>
  put(name: ChunkName, object: Uint8Array): Promise<void>
  /** Nothing names this own object any more. */
  replaced(name: ChunkName): void
}

/** The uploads of one data set. */
export class ChunkUploads {
  readonly #context: UploadContext
  readonly #limit: ConcurrencyLimit
  uploadedCount = 0

  constructor(context: UploadContext, chunkBytes: number) {
    const fitting = Math.floor(uploadBytesMax / chunkBytes)
    this.#context = context
    this.#limit = new ConcurrencyLimit(Math.min(uploadsMax, Math.max(1, fitting)))
  }

  /** Uploads every chunk that is dirty now. Rejects with the first failure, when all have ended. */
  async uploadDirty(): Promise<void> {
    const ends = await Promise.allSettled(
      this.#context.staging.dirty().map((staged) => this.#uploadWhole(staged)),
    )
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) {
      throw failed.reason
    }
  }

  /** Frees staging space: forgets the fullest chunk that is not in use, after an upload if need be. */
  async spill(): Promise<void> {
    const { staging } = this.#context
    const candidates = staging.all().filter(({ uploading }) => uploading === undefined)
    const fullest = candidates.reduce<StagedChunk | undefined>(
      (best, staged) =>
        best !== undefined && best.slots.size >= staged.slots.size ? best : staged,
      undefined,
    )
    if (fullest === undefined) {
      await Promise.race(staging.all().map(({ uploading }) => uploading))
      return
    }
    if (fullest.version !== fullest.uploadedVersion) {
      await this.#upload(fullest)
    }
    const isClean = fullest.version === fullest.uploadedVersion
    if (isClean && staging.get(fullest.chunk) === fullest) {
      staging.drop(fullest.chunk)
    }
  }

  // One that was under way may have begun before the last write.
  async #uploadWhole(staged: StagedChunk): Promise<void> {
    const { version } = staged
    while (staged.uploadedVersion < version) {
      if (this.#context.staging.get(staged.chunk) !== staged) {
        return
      }
      await this.#upload(staged)
    }
  }

  #upload(staged: StagedChunk): Promise<void> {
    staged.uploading ??= this.#limit
      .run(() => this.#mergeAndPut(staged))
      .finally(() => {
        staged.uploading = undefined
      })
    return staged.uploading
  }

  async #mergeAndPut(staged: StagedChunk): Promise<void> {
    const { staging, view } = this.#context
    const { chunk } = staged
    const isCurrent = (): boolean => staging.get(chunk) === staged
    const shape = this.#context.shapeOf(chunk)
    // 1. What was never staged comes from the chunk's present object.
    const data = Buffer.allocUnsafe(shape.dataBytes)
    const missing = staged.ranges.missing(shape.dataBytes)
    if (missing !== undefined) {
      await this.#context.readBase(chunk, missing.from, data.subarray(missing.from, missing.to))
    }
    if (!isCurrent()) {
      return
    }
    // 2. From here to the name nothing waits, so it is one state of the chunk, and this version.
    staging.overlay(chunk, 0, data)
    const { version } = staged
    if (isZero(data)) {
      this.#replace(chunk, undefined)
      staged.uploadedVersion = version
      return
    }
    const name = view.newName()
    const object = encodeChunk(data, shape, name)
    // 3. Upload, and take it into the view unless the chunk was discarded meanwhile.
    try {
      await this.#context.put(name, object)
    } catch (error) {
      // It may be there, or get there.
      this.#context.replaced(name)
      throw error
    }
    this.uploadedCount += 1
    if (!isCurrent()) {
      this.#context.replaced(name)
      return
    }
    this.#replace(chunk, name)
    staged.uploadedVersion = version
  }

  #replace(chunk: number, name: ChunkName | undefined): void {
    const old = this.#context.view.replace(chunk, name)
    if (old !== undefined) {
      this.#context.replaced(old)
    }
  }
}

const zeros = Buffer.alloc(2 ** 20)

function isZero(data: Buffer): boolean {
  for (let at = 0; at < data.byteLength; at += zeros.byteLength) {
    const part = data.subarray(at, at + zeros.byteLength)
    if (!part.equals(zeros.subarray(0, part.byteLength))) {
      return false
    }
  }
  return true
}

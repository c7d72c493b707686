// The options of a data set that are its own, and their defaults. `../options.ts` checks them where
// the caller gives them. Pure.

import { tmpdir } from 'node:os'
import path from 'node:path'
import { chunkCountMax, type DatasetShape } from './manifest.ts'

/** Options of a data set, beside those that say which server, bucket and credentials. */
export interface DatasetOptions {
  /** Where the data set's objects are: `PREFIX/manifest`, `PREFIX/chunks/…`. */
  readonly prefix: string
  /** Make the data set where there is none. Default false. */
  readonly create?: boolean
  /** The size that it must have, or is made with. Needed to make one. */
  readonly byteLength?: number
  /**
   * Bytes of a chunk in a data set that is made: a power of two from 4 KiB to 1 GiB. Default 4
   * MiB, more where that would be more than 262,144 chunks. One that exists keeps what it was made
   * with; without `create`, another value than that is refused.
   */
  readonly chunkBytes?: number
  /** How long chunks of earlier states are kept for readers that still use them. Default 1 hour. */
  readonly readerGraceMs?: number
  /** Where written bytes wait for a flush: a directory on a local disk. Default the system's. */
  readonly stagingDirectory?: string
  /** Staged bytes above which chunks are uploaded before the flush. Default 4 GiB. */
  readonly stagingBytes?: number
}

/** The options with every default filled in. */
export interface DatasetSettings extends DatasetOptions {
  readonly create: boolean
  readonly readerGraceMs: number
  readonly stagingDirectory: string
  readonly stagingBytes: number
}

const chunkBytesDefault = 4 * 2 ** 20
const chunkBytesMax = 2 ** 30
const defaultChunkCountMax = 2 ** 18
const blockBytesMax = 64 * 2 ** 10

/** The options that were checked, with their defaults. */
export function datasetSettings(options: DatasetOptions): DatasetSettings {
  return {
    ...options,
    create: options.create ?? false,
    readerGraceMs: options.readerGraceMs ?? 3_600_000,
    stagingDirectory: path.resolve(options.stagingDirectory ?? tmpdir()),
    stagingBytes: options.stagingBytes ?? 4 * 2 ** 30,
  }
}

/**
 * The sizes of a data set that is made.
 *
 * Throws a `RangeError` where `chunkBytes` is too small for so many bytes.
 */
export function shapeOf(byteLength: number, chunkBytes?: number): DatasetShape {
  let bytes = chunkBytes ?? chunkBytesDefault
  while (
    chunkBytes === undefined &&
    byteLength / bytes > defaultChunkCountMax &&
    bytes < chunkBytesMax
  ) {
    bytes *= 2
  }
  if (byteLength / bytes > chunkCountMax) {
    throw new RangeError(
      `chunkBytes ${bytes} is too small for ${byteLength} bytes: ` +
        `a data set has ${chunkCountMax} chunks at most`,
    )
  }
  return { byteLength, chunkBytes: bytes, blockBytes: Math.min(bytes, blockBytesMax) }
}

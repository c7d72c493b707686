// The chunks of a data set, and how many of them are worked on at a time. A chunk is what the
// journal speaks of: it is read, written, verified and copied again as one.

import { setImmediate } from 'node:timers/promises'
import type { PageStore } from '@umap/store'

const chunkBytesMin = 64 * 1024
const chunkBytesMax = 8 * 2 ** 20
const memoryBytesMax = 128 * 2 ** 20

/**
 * The chunk size that suits both stores, and is no more than is to be flushed at once: a power of
 * two, so that it suits the pages of both.
 */
export function chooseChunkBytes(from: PageStore, to: PageStore, flushBytes: number): number {
  const callBytes = Math.max(from.capabilities.callBytesMax, to.capabilities.callBytesMax)
  const wanted = 2 ** Math.floor(Math.log2(Math.min(callBytes, flushBytes)))
  return Math.min(Math.max(wanted, chunkBytesMin), chunkBytesMax)
}

/** The place of a chunk, and memory for its bytes while it is worked on. */
export interface Chunk {
  readonly index: number
  readonly offset: number
  readonly bytes: Uint8Array
}

/** What is divided into chunks. */
export interface ChunkLayout {
  readonly byteLength: number
  readonly chunkBytes: number
}

/** The numbers of all chunks. */
export function allChunks({ byteLength, chunkBytes }: ChunkLayout): number[] {
  return Array.from({ length: Math.ceil(byteLength / chunkBytes) }, (_, index) => index)
}

/** Bytes of these chunks together; the last chunk of all may be shorter. */
export function bytesOfChunks(layout: ChunkLayout, indices: readonly number[]): number {
  return indices.reduce((sum, index) => sum + bytesOfChunk(layout, index), 0)
}

function bytesOfChunk({ byteLength, chunkBytes }: ChunkLayout, index: number): number {
  return Math.min(chunkBytes, byteLength - index * chunkBytes)
}

/**
 * Calls `work` for each chunk, `concurrency` at a time (less where memory would not do), until all
 * are done, one fails, or `signal` is aborted. Settles when nothing is under way any more; rejects
 * with the first failure. An abort is no failure: whoever aborted knows.
 */
export async function forEachChunk(
  layout: ChunkLayout,
  indices: readonly number[],
  options: { readonly concurrency: number; readonly signal: AbortSignal },
  work: (chunk: Chunk) => Promise<void>,
): Promise<void> {
  const memoryMax = Math.max(1, Math.floor(memoryBytesMax / layout.chunkBytes))
  const workers = Math.min(options.concurrency, memoryMax, indices.length)
  let next = 0
  let failure: { error: unknown } | undefined
  const runWorker = async () => {
    const memory = new Uint8Array(layout.chunkBytes)
    while (next < indices.length && failure === undefined && !options.signal.aborted) {
      const index = indices[next++] as number
      const bytes = memory.subarray(0, bytesOfChunk(layout, index))
      try {
        await work({ index, offset: index * layout.chunkBytes, bytes })
      } catch (error) {
        failure ??= { error }
      }
      // Stores that answer at once would keep signals and the progress line waiting.
      await setImmediate()
    }
  }
  await Promise.all(Array.from({ length: workers }, runWorker))
  if (failure !== undefined && !options.signal.aborted) throw failure.error
}

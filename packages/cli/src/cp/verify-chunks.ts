// Reads chunks back and compares their digests with the journal's; and looks whether a store is
// empty. Writes nothing.

import { allChunks, forEachChunk } from './chunks.ts'
import type { PassOptions } from './copy-chunks.ts'
import { digestOf, type Journal, zeroDigest } from './journal.ts'
import type { LimitedStore } from './limited-store.ts'
import { isZero } from './zero-runs.ts'

/** What {@link verifyChunks} needs beside that of every pass. */
export interface VerifyPassOptions extends PassOptions {
  readonly journal: Journal
  /** Whether FROM is read again as well, to see that it has not changed. */
  readonly readsFrom: (index: number) => boolean
}

/** Chunks that are not as the journal says. */
export interface VerifyPassResult {
  /** TO does not hold what was written. */
  readonly wrong: number[]
  /** FROM does not hold any more what was copied. */
  readonly stale: number[]
}

/** Compares the chunks `indices`, all of which the journal knows, with TO and where asked FROM. */
export async function verifyChunks(
  from: LimitedStore,
  to: LimitedStore,
  indices: readonly number[],
  options: VerifyPassOptions,
): Promise<VerifyPassResult> {
  const { layout, concurrency, signal, journal, onProgress } = options
  const wrong: number[] = []
  const stale: number[] = []
  const isAsEntered = async (
    store: LimitedStore,
    offset: number,
    bytes: Uint8Array,
    is: string,
  ) => {
    await store.read(offset, bytes, signal)
    return is === zeroDigest ? isZero(bytes) : digestOf(bytes) === is
  }
  await forEachChunk(layout, indices, { concurrency, signal }, async ({ index, offset, bytes }) => {
    const digest = journal.digests.get(index) ?? ''
    if (!(await isAsEntered(to, offset, bytes, digest))) wrong.push(index)
    else if (options.readsFrom(index)) {
      if (!(await isAsEntered(from, offset, bytes, digest))) stale.push(index)
    }
    onProgress(bytes.byteLength)
  })
  return { wrong, stale }
}

/** The offset of a chunk of the store that has data, undefined where everything reads as zeros. */
export async function findData(
  store: LimitedStore,
  options: PassOptions,
): Promise<number | undefined> {
  const { layout, concurrency, onProgress } = options
  const found = new AbortController()
  const signal = AbortSignal.any([options.signal, found.signal])
  let dataOffset: number | undefined
  const indices = allChunks(layout)
  await forEachChunk(layout, indices, { concurrency, signal }, async ({ offset, bytes }) => {
    await store.read(offset, bytes, options.signal)
    onProgress(bytes.byteLength)
    if (isZero(bytes)) return
    dataOffset = Math.min(offset, dataOffset ?? offset)
    found.abort()
  })
  return dataOffset
}

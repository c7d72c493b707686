// Copies chunks from one store to the other, leaves out what is zero, and enters a chunk in the
// journal once TO has made it durable.

import { type Chunk, type ChunkLayout, forEachChunk } from './chunks.ts'
import { digestOf, type Journal, type JournalEntry, zeroDigest } from './journal.ts'
import type { LimitedStore } from './limited-store.ts'
import { findRuns, isZero } from './zero-runs.ts'

/** What the passes over the chunks share. */
export interface PassOptions {
  readonly layout: ChunkLayout
  readonly concurrency: number
  /** Stops the pass; what is under way is ended properly. */
  readonly signal: AbortSignal
  /** Called with the bytes of each chunk that is done with. */
  readonly onProgress: (bytes: number) => void
}

/** What {@link copyChunks} needs beside that. */
export interface CopyPassOptions extends PassOptions {
  readonly journal: Journal
  /** TO is flushed and the journal written after so many bytes, and after ten seconds. */
  readonly flushBytes: number
  /** All of TO reads as zeros, so that zeros need not be looked for there. */
  readonly toIsEmpty: boolean
}

/** Bytes by what became of them. */
export interface CopyPassResult {
  readonly writtenBytes: number
  readonly holeBytes: number
}

const flushIntervalMs = 10_000

/**
 * Copies the chunks `indices`. Whether it ends well or not, what was written is made durable and
 * entered in the journal, as far as TO can still do that.
 */
export async function copyChunks(
  from: LimitedStore,
  to: LimitedStore,
  indices: readonly number[],
  options: CopyPassOptions,
): Promise<CopyPassResult> {
  const { layout, concurrency, signal, onProgress } = options
  const checkpoint = new Checkpoint(to, options)
  let writtenBytes = 0
  const copyChunk = async ({ index, offset, bytes }: Chunk) => {
    await from.read(offset, bytes, signal)
    if (signal.aborted) return
    const runs = findRuns(bytes)
    for (const { from: start, to: end, isData } of runs) {
      const part = bytes.subarray(start, end)
      if (isData) await to.write(offset + start, part)
      else if (!options.toIsEmpty) await clearRange(to, offset + start, end - start, signal)
      if (isData) writtenBytes += end - start
      if (signal.aborted) return
    }
    const isHole = runs.length === 1 && runs[0]?.isData === false
    onProgress(bytes.byteLength)
    await checkpoint.add([index, isHole ? zeroDigest : digestOf(bytes)], bytes.byteLength)
  }
  let copiedBytes = 0
  const counted = async (chunk: Chunk) => {
    await copyChunk(chunk)
    copiedBytes += chunk.bytes.byteLength
  }
  try {
    await forEachChunk(layout, indices, { concurrency, signal }, counted)
  } catch (error) {
    await checkpoint.finish().catch(() => undefined)
    throw error
  }
  await checkpoint.finish()
  return { writtenBytes, holeBytes: copiedBytes - writtenBytes }
}

// A discard of what is zero already would cost calls, and disk space where it writes zeros.
async function clearRange(
  to: LimitedStore,
  offset: number,
  byteLength: number,
  signal: AbortSignal,
): Promise<void> {
  const present = new Uint8Array(byteLength)
  await to.read(offset, present, signal)
  if (!signal.aborted && !isZero(present)) await to.clear(offset, byteLength)
}

/** Collects chunks that are written, and from time to time makes them durable. */
class Checkpoint {
  readonly #to: LimitedStore
  readonly #options: CopyPassOptions
  #entries: JournalEntry[] = []
  #bytes = 0
  #lastMs = performance.now()
  #running: Promise<void> | undefined

  constructor(to: LimitedStore, options: CopyPassOptions) {
    this.#to = to
    this.#options = options
  }

  async add(entry: JournalEntry, bytes: number): Promise<void> {
    this.#entries.push(entry)
    this.#bytes += bytes
    // One at a time. The others go on copying meanwhile, but not farther than to the next one: what
    // is not durable stays bounded, and with it what a crash costs.
    while (this.#isDue() && this.#running !== undefined) await this.#running
    if (!this.#isDue()) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  #isDue(): boolean {
    return (
      this.#bytes >= this.#options.flushBytes ||
      (this.#bytes > 0 && performance.now() - this.#lastMs >= flushIntervalMs)
    )
  }

  async finish(): Promise<void> {
    await this.#running
    await this.#run()
  }

  // 1. What is entered is what was written before the flush began. 2. Only when the flush has
  // succeeded does the journal say so.
  async #run(): Promise<void> {
    const entries = this.#entries
    this.#entries = []
    this.#bytes = 0
    if (entries.length > 0) {
      await this.#to.flush()
      await this.#options.journal.append(entries)
    }
    this.#lastMs = performance.now()
  }
}

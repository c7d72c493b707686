// Reads blocks of chunk objects: one ranged GET for each run of neighbours, one fetch for everybody
// who wants the same block, a checksum for every block. Blocks of which a caller needed a part only
// are kept for a while, since its neighbour is likely to need the rest.

import { LRUCache } from 'lru-cache'
import { type ChunkShape, decodeBlock, objectBytes } from './chunk-format.ts'
import { type ChunkName, chunkKey } from './chunk-table.ts'
import { corruptError } from './errors.ts'

/** Bytes [from, to) of a chunk object; undefined where there is no such object. */
export type FetchChunk = (
  name: ChunkName,
  from: number,
  byteLength: number,
  signal: AbortSignal,
) => Promise<Uint8Array | undefined>

/** The chunk object is not there. Never leaves this package. */
export class ChunkMissing extends Error {}

/** A run of blocks on its way, for as long as anybody waits for it. */
interface Run {
  readonly blocks: Promise<Uint8Array[]>
  readonly first: number
  readonly controller: AbortController
  waiterCount: number
}

const cacheBytesMax = 16 * 2 ** 20
/** A body that was damaged on its way may be whole the next time. */
const attemptsMax = 3

/** The blocks of one data set's chunk objects. */
export class BlockReader {
  readonly #fetch: FetchChunk
  readonly #cache: LRUCache<string, Uint8Array>
  readonly #underWay = new Map<string, Run>()

  constructor(fetch: FetchChunk) {
    this.#fetch = fetch
    this.#cache = new LRUCache({
      maxSize: cacheBytesMax,
      sizeCalculation: (block) => Math.max(1, block.byteLength),
    })
  }

  /**
   * Fills `target` with the bytes of `name` from `at` on. `target` is not touched after it settled.
   *
   * Rejects with `ChunkMissing`, with a `StoreError` 'S3_CORRUPT', with what fetching rejected
   * with, or with the signal's reason.
   */
  async read(
    name: ChunkName,
    shape: ChunkShape,
    at: number,
    target: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { blockBytes } = shape
    const first = Math.floor(at / blockBytes)
    const end = Math.ceil((at + target.byteLength) / blockBytes)
    const found = new Map<number, Uint8Array>()
    const runs = new Set<Run>()
    for (let block = first; block < end; block++) {
      const key = `${chunkKey(name)}/${block}`
      const cached = this.#cache.get(key)
      if (cached !== undefined) {
        found.set(block, cached)
      } else {
        runs.add(this.#underWay.get(key) ?? this.#start(name, shape, block, end))
      }
    }
    await Promise.all([...runs].map((run) => waitFor(run, signal, found)))
    for (let block = first; block < end; block++) {
      const bytes = found.get(block) as Uint8Array
      const from = block * blockBytes
      const copyFrom = Math.max(from, at)
      const copyTo = Math.min(from + bytes.byteLength, at + target.byteLength)
      target.set(bytes.subarray(copyFrom - from, copyTo - from), copyFrom - at)
      if (copyTo - copyFrom < bytes.byteLength) {
        this.#keep(`${chunkKey(name)}/${block}`, bytes)
      }
    }
  }

  // A copy: the block is a part of a body that may be large.
  #keep(key: string, bytes: Uint8Array): void {
    if (!this.#cache.has(key)) {
      this.#cache.set(key, bytes.slice())
    }
  }

  // From `first` up to the next block that is there, or on its way.
  #start(name: ChunkName, shape: ChunkShape, first: number, end: number): Run {
    const keyOf = (block: number): string => `${chunkKey(name)}/${block}`
    let last = first
    while (
      last + 1 < end &&
      !this.#cache.has(keyOf(last + 1)) &&
      !this.#underWay.has(keyOf(last + 1))
    ) {
      last += 1
    }
    const controller = new AbortController()
    const blocks = this.#fetchRun(name, shape, first, last + 1, controller.signal)
    const run: Run = { blocks, first, controller, waiterCount: 0 }
    const settle = (): void => {
      for (let block = first; block <= last; block++) {
        if (this.#underWay.get(keyOf(block)) === run) {
          this.#underWay.delete(keyOf(block))
        }
      }
    }
    for (let block = first; block <= last; block++) {
      this.#underWay.set(keyOf(block), run)
    }
    blocks.then(settle, settle)
    controller.signal.addEventListener('abort', settle)
    return run
  }

  async #fetchRun(
    name: ChunkName,
    shape: ChunkShape,
    first: number,
    end: number,
    signal: AbortSignal,
  ): Promise<Uint8Array[]> {
    const from = objectBytes(shape, first)
    const byteLength = objectBytes(shape, end) - from
    for (let attempt = 1; ; attempt++) {
      const bytes = await this.#fetch(name, from, byteLength, signal)
      if (bytes === undefined) {
        throw new ChunkMissing(chunkKey(name))
      }
      const blocks: Uint8Array[] = []
      for (let block = first; block < end; block++) {
        const data = decodeBlock(bytes, first, block, shape, name)
        if (data !== undefined) {
          blocks.push(data)
        }
      }
      if (blocks.length === end - first) {
        return blocks
      }
      if (attempt === attemptsMax) {
        throw corruptError(
          `the checksum of ${end - first - blocks.length} blocks in blocks ${first} to ${end - 1} ` +
            `of the chunk object ${chunkKey(name)} does not fit`,
        )
      }
    }
  }
}

async function waitFor(
  run: Run,
  signal: AbortSignal | undefined,
  found: Map<number, Uint8Array>,
): Promise<void> {
  run.waiterCount += 1
  let leave: (() => void) | undefined
  try {
    signal?.throwIfAborted()
    const aborted = new Promise<never>((_resolve, reject) => {
      leave = () => reject(signal?.reason)
      signal?.addEventListener('abort', leave)
    })
    for (const [index, bytes] of (await Promise.race([run.blocks, aborted])).entries()) {
      found.set(run.first + index, bytes)
    }
  } finally {
    if (leave !== undefined) {
      signal?.removeEventListener('abort', leave)
    }
    run.waiterCount -= 1
    if (run.waiterCount === 0) {
      // Nothing where it has come; else nobody waits for it any more.
      run.controller.abort()
    }
  }
}

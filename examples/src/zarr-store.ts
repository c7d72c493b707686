// A store written by somebody else: a Zarr array on disk (version 2 or 3, chunked, compressed),
// shown as its elements in row-major order, so that umap can map it as one flat typed array. Read
// only. It runs in a store host and keeps a bounded cache of decoded chunks there.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import {
  isRetryableCode,
  type OpenStoreContext,
  type PageStore,
  type StoreCallOptions,
  type StoreCapabilities,
  StoreError,
  type StoreRef,
  storeErrorCodes,
  storeRef,
} from '@umap/store'
import * as zarr from 'zarrita'

/** Options of {@link zarrStore}. */
export interface ZarrStoreOptions {
  /** The array's directory: the one with `zarr.json` or `.zarray` in it. */
  readonly path: string
  /**
   * Bytes of decoded chunks to keep, at least one chunk. Good is what the chunks of one row of
   * chunks have together, for a page goes right across them. Default 64 MiB.
   */
  readonly cacheBytes?: number
}

type Element = zarr.NumberDataType | zarr.BigintDataType
type Chunk = zarr.Chunk<Element>

const cacheBytesDefault = 64 * 2 ** 20

/**
 * A reference to a Zarr array. Throws a `TypeError` or `RangeError` that names the option.
 *
 * ```ts
 * const region = await umap({ store: zarrStore({ path: 'temperature.zarr' }) })
 * const values = region.view(Float32Array)
 * ```
 */
export function zarrStore(options: ZarrStoreOptions): StoreRef<ZarrStoreOptions> {
  return storeRef(new URL(import.meta.url), checkOptions(options))
}

/** Opens the array; rejects with a `StoreError` where there is none of a type of fixed size. */
export async function openStore(
  options: ZarrStoreOptions,
  context: OpenStoreContext = {},
): Promise<ZarrStore> {
  const { path: directory, cacheBytes = cacheBytesDefault } = checkOptions(options)
  if (context.access === 'read-write') {
    throw new StoreError(`${directory} is a Zarr array, which this store only reads`, {
      code: storeErrorCodes.readOnly,
    })
  }
  const array = await openArray(directory)
  const { shape, dtype } = array
  if (!(array.is('number') || array.is('bigint')) || shape.length === 0) {
    throw new StoreError(`${directory} has elements of type ${dtype}, not numbers in an array`, {
      code: storeErrorCodes.unsupported,
    })
  }
  return new ZarrStore(array as zarr.Array<Element>, directory, cacheBytes)
}

async function openArray(directory: string): Promise<zarr.Array<zarr.DataType>> {
  // What zarrita reads from: the bytes under a key, undefined where there are none.
  const files = {
    async get(key: string): Promise<Uint8Array | undefined> {
      try {
        return await readFile(path.join(directory, key))
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
  }
  try {
    return await zarr.open(files, { kind: 'array' })
  } catch (error) {
    throw toStoreError(error, `open the Zarr array ${directory}`)
  }
}

/** An open Zarr array as flat bytes. */
export class ZarrStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities = Object.freeze({
    writable: false,
    concurrencyMax: 4,
    callBytesMax: 2 ** 20,
    atomicFlush: false,
  })
  readonly #array: zarr.Array<Element>
  readonly #directory: string
  readonly #elementBytes: number
  readonly #cache: ChunkCache
  readonly #inFlight = new Set<Promise<void>>()
  #closing: Promise<void> | undefined

  constructor(array: zarr.Array<Element>, directory: string, cacheBytes: number) {
    this.#array = array
    this.#directory = directory
    // The name of a type ends with its bits: float32, int64.
    this.#elementBytes = Number(/\d+$/.exec(array.dtype)?.[0]) / 8
    this.byteLength = array.shape.reduce((count, length) => count * length, this.#elementBytes)
    const chunkBytes = array.chunks.reduce((count, length) => count * length, this.#elementBytes)
    this.#cache = new ChunkCache(Math.max(1, Math.floor(cacheBytes / chunkBytes)))
  }

  /** Fills `target` with elements in row-major order. A chunk that is missing has the fill value. */
  async read(
    offset: number,
    target: Uint8Array,
    options?: Partial<StoreCallOptions>,
  ): Promise<void> {
    if (this.#closing !== undefined) {
      throw new StoreError(`${this.#directory} is closed`, { code: storeErrorCodes.closed })
    }
    const isInside = offset >= 0 && offset + target.byteLength <= this.byteLength
    if (!Number.isSafeInteger(offset) || !isInside) {
      throw new StoreError(
        `${target.byteLength} bytes at ${offset} are not in ${this.#directory}`,
        {
          code: storeErrorCodes.range,
        },
      )
    }
    const running = this.#fill(offset, target, options?.signal)
    this.#inFlight.add(running)
    try {
      await running
    } finally {
      this.#inFlight.delete(running)
    }
  }

  /** Idempotent; waits for reads in flight. */
  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#inFlight).then(() => this.#cache.clear())
    return this.#closing
  }

  // Run by run: as many elements as lie beside each other in the array and in one chunk.
  async #fill(offset: number, target: Uint8Array, signal?: AbortSignal): Promise<void> {
    const { shape, chunks } = this.#array
    const size = this.#elementBytes
    const rowLength = shape.at(-1) as number
    const chunkWidth = chunks.at(-1) as number
    for (let done = 0; done < target.byteLength; ) {
      signal?.throwIfAborted()
      const element = Math.floor((offset + done) / size)
      const skippedBytes = (offset + done) % size
      const column = element % rowLength
      const inChunk = column % chunkWidth
      const length = Math.min(rowLength - column, chunkWidth - inChunk)
      const bytes = Math.min(length * size - skippedBytes, target.byteLength - done)
      const place = this.#locate((element - column) / rowLength)
      const chunk = await this.#chunk([...place.chunk, (column - inChunk) / chunkWidth])
      const run = bytesOfRun(chunk, [...place.inChunk, inChunk], length)
      target.set(run.subarray(skippedBytes, skippedBytes + bytes), done)
      done += bytes
    }
  }

  /** Chunk and place in it of a row, in all dimensions but the last. */
  #locate(row: number): { chunk: number[]; inChunk: number[] } {
    const { shape, chunks } = this.#array
    const chunk: number[] = []
    const inChunk: number[] = []
    let rest = row
    for (let axis = shape.length - 2; axis >= 0; axis--) {
      const index = rest % (shape[axis] as number)
      rest = (rest - index) / (shape[axis] as number)
      inChunk.unshift(index % (chunks[axis] as number))
      chunk.unshift(Math.floor(index / (chunks[axis] as number)))
    }
    return { chunk, inChunk }
  }

  #chunk(place: number[]): Promise<Chunk> {
    return this.#cache.get(place.join('/'), async () => {
      try {
        return await this.#array.getChunk(place)
      } catch (error) {
        throw toStoreError(error, `read chunk ${place.join('/')} of ${this.#directory}`)
      }
    })
  }
}

/** The bytes of `length` elements along the last dimension of a chunk. */
function bytesOfRun({ data, stride }: Chunk, place: readonly number[], length: number): Uint8Array {
  const start = place.reduce((sum, index, axis) => sum + index * (stride[axis] as number), 0)
  const step = stride.at(-1) as number
  if (step === 1) return bytesOf(data.subarray(start, start + length))
  // A chunk in column-major order, which Zarr allows.
  const run = data.slice(0, length)
  for (let index = 0; index < length; index++) {
    run[index] = data[start + index * step] as number & bigint
  }
  return bytesOf(run)
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Decoded chunks, the ones used last; those who ask for the same chunk wait for one decoding. */
class ChunkCache {
  readonly #countMax: number
  /** In order of use. */
  readonly #chunks = new Map<string, Promise<Chunk>>()

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get(key: string, load: () => Promise<Chunk>): Promise<Chunk> {
    const found = this.#chunks.get(key)
    const chunk = found ?? load()
    this.#chunks.delete(key)
    this.#chunks.set(key, chunk)
    // A failure is not kept: the next read tries again.
    if (found === undefined) chunk.catch(() => this.#forget(key, chunk))
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= this.#countMax) break
      this.#chunks.delete(oldest)
    }
    return chunk
  }

  clear(): void {
    this.#chunks.clear()
  }

  #forget(key: string, chunk: Promise<Chunk>): void {
    if (this.#chunks.get(key) === chunk) this.#chunks.delete(key)
  }
}

function checkOptions(options: ZarrStoreOptions): ZarrStoreOptions {
  const { path: directory, cacheBytes, ...others } = options
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined) throw new TypeError(`zarrStore has no option named ${unknown}`)
  if (typeof directory !== 'string' || directory === '') {
    throw new TypeError('path must be the directory of a Zarr array')
  }
  if (cacheBytes !== undefined && !(Number.isSafeInteger(cacheBytes) && cacheBytes > 0)) {
    throw new RangeError(`cacheBytes must be a safe integer from 1 on, not ${cacheBytes}`)
  }
  return { ...options, path: path.resolve(directory) }
}

function toStoreError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) return error
  // What zarrita itself cannot make sense of has no code of the system.
  const code = codeOf(error) ?? 'ZARR_INVALID'
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(`cannot ${doing}: ${message}`, {
    code,
    retryable: isRetryableCode(code),
    cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

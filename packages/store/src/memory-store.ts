// A store in shared memory: for tests, for scratch data, and as the smallest example of a store.
// Its bytes belong to the reference, not to the store host, so they outlive a host that dies.

import type { OpenStoreContext, PageStore, StoreCapabilities } from './page-store.ts'
import { StoreError, storeErrorCodes } from './store-error.ts'
import { type StoreRef, storeRef } from './store-ref.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** Size in bytes: a safe integer, at least 0. */
  readonly byteLength: number
}

/** The options inside a memory store's reference. */
export interface MemoryStoreRefOptions extends MemoryStoreOptions {
  /** The bytes. Left out, as a configuration file must: every opening begins with its own zeros. */
  readonly data?: SharedArrayBuffer
  /** One bit for each granule of `data`, set once it was written. */
  readonly written?: SharedArrayBuffer
}

/** Bytes that one bit of "was this ever written" stands for. A discard of less makes no hole. */
export const memoryStoreGranuleBytes = 4096

/**
 * A reference to a new store in memory, `byteLength` bytes that read as holes until written.
 *
 * The memory is a `SharedArrayBuffer` made here: everybody who opens the reference, in any thread
 * of this process and after any restart of a store host, sees the same bytes. The system gives
 * memory only to what was written.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function memoryStore(options: MemoryStoreOptions): StoreRef<MemoryStoreRefOptions> {
  const { byteLength } = checkOptions(options, ['byteLength'])
  return storeRef(new URL(import.meta.url), allocate(byteLength))
}

/** Opens a memory store: the {@link OpenStore} of `@umap/store`. */
export function openStore(
  options: MemoryStoreRefOptions,
  context: OpenStoreContext = {},
): MemoryStore {
  const { byteLength, data, written } = checkOptions(options, ['byteLength', 'data', 'written'])
  const memory = data && written ? { byteLength, data, written } : allocate(byteLength)
  if (memory.data.byteLength !== byteLength) {
    throw new RangeError(`byteLength ${byteLength} is not that of data, ${memory.data.byteLength}`)
  }
  return new MemoryStore(memory, context.access !== 'read-only')
}

/** A store in shared memory. Every call is done when it returns. */
export class MemoryStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly #data: Uint8Array
  readonly #written: WrittenGranules
  #closed = false

  /** Made by {@link openStore}. */
  constructor(memory: Required<MemoryStoreRefOptions>, writable: boolean) {
    this.byteLength = memory.byteLength
    this.#data = new Uint8Array(memory.data)
    this.#written = new WrittenGranules(memory.written)
    this.capabilities = {
      writable,
      concurrencyMax: 1,
      callBytesMax: 8 * 2 ** 20,
      atomicFlush: false,
    }
  }

  read(offset: number, target: Uint8Array): 'hole' | undefined {
    this.#check(offset, target.byteLength)
    if (!this.#written.any(offset, offset + target.byteLength)) {
      return 'hole'
    }
    target.set(this.#data.subarray(offset, offset + target.byteLength))
    return undefined
  }

  write(offset: number, source: Uint8Array): void {
    this.#check(offset, source.byteLength)
    this.#checkWritable()
    this.#data.set(source, offset)
    this.#written.add(offset, offset + source.byteLength)
  }

  /** Nothing to do: memory is as durable as it gets once it was written. */
  flush(): void {
    this.#check(0, 0)
  }

  discard(offset: number, byteLength: number): void {
    this.#check(offset, byteLength)
    this.#checkWritable()
    const end = offset + byteLength
    this.#written.forEach(offset, end, (from, to) => {
      this.#data.fill(0, Math.max(from, offset), Math.min(to, end))
    })
    this.#written.removeInside(offset, end === this.byteLength ? Number.MAX_SAFE_INTEGER : end)
  }

  close(): void {
    this.#closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #check(offset: number, byteLength: number): void {
    if (this.#closed) {
      throw new StoreError('the memory store is closed', { code: storeErrorCodes.closed })
    }
    const inside =
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(byteLength) &&
      offset >= 0 &&
      byteLength >= 0 &&
      offset + byteLength <= this.byteLength
    if (!inside) {
      throw new StoreError(
        `${byteLength} bytes at offset ${offset} are not inside a store of ${this.byteLength}`,
        { code: storeErrorCodes.range },
      )
    }
  }

  #checkWritable(): void {
    if (!this.capabilities.writable) {
      throw new StoreError('the memory store was opened read-only', {
        code: storeErrorCodes.readOnly,
      })
    }
  }
}

// A set of granule indices as bits in shared memory. Invariant: bytes of a granule that is not in
// the set are zero. Several threads may change the bits of one word at the same time.
class WrittenGranules {
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory)
  }

  any(from: number, to: number): boolean {
    const end = Math.ceil(to / memoryStoreGranuleBytes)
    for (let granule = Math.floor(from / memoryStoreGranuleBytes); granule < end; granule++) {
      if (this.#has(granule)) {
        return true
      }
    }
    return false
  }

  /** Adds every granule that [from, to) touches. */
  add(from: number, to: number): void {
    const end = Math.ceil(to / memoryStoreGranuleBytes)
    for (let granule = Math.floor(from / memoryStoreGranuleBytes); granule < end; granule++) {
      if (!this.#has(granule)) {
        Atomics.or(this.#words, granule >>> 5, 1 << (granule & 31))
      }
    }
  }

  /** Removes every granule that lies wholly inside [from, to). */
  removeInside(from: number, to: number): void {
    const granuleCount = this.#words.length * 32
    const end = Math.min(Math.floor(to / memoryStoreGranuleBytes), granuleCount)
    for (let granule = Math.ceil(from / memoryStoreGranuleBytes); granule < end; granule++) {
      if (this.#has(granule)) {
        Atomics.and(this.#words, granule >>> 5, ~(1 << (granule & 31)))
      }
    }
  }

  /** Calls `visit` with the byte range of every granule in the set that [from, to) touches. */
  forEach(from: number, to: number, visit: (from: number, to: number) => void): void {
    const end = Math.ceil(to / memoryStoreGranuleBytes)
    for (let granule = Math.floor(from / memoryStoreGranuleBytes); granule < end; granule++) {
      if (this.#has(granule)) {
        visit(granule * memoryStoreGranuleBytes, (granule + 1) * memoryStoreGranuleBytes)
      }
    }
  }

  #has(granule: number): boolean {
    return (Atomics.load(this.#words, granule >>> 5) & (1 << (granule & 31))) !== 0
  }
}

function allocate(byteLength: number): Required<MemoryStoreRefOptions> {
  const wordCount = Math.ceil(byteLength / memoryStoreGranuleBytes / 32)
  try {
    const written = new SharedArrayBuffer(wordCount * Int32Array.BYTES_PER_ELEMENT)
    return { byteLength, data: new SharedArrayBuffer(byteLength), written }
  } catch (error) {
    throw new RangeError(`byteLength ${byteLength} is more than this process can allocate`, {
      cause: error,
    })
  }
}

function checkOptions<O extends MemoryStoreRefOptions>(options: O, known: readonly string[]): O {
  if (options === null || typeof options !== 'object') {
    throw new TypeError('memoryStore takes an object with byteLength')
  }
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    throw new TypeError(`memoryStore has no option named ${unknown}`)
  }
  const { byteLength } = options
  if (typeof byteLength !== 'number') {
    throw new TypeError(`byteLength must be a number, not ${typeof byteLength}`)
  }
  if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
    throw new RangeError(`byteLength must be a safe integer from 0 on, not ${byteLength}`)
  }
  return options
}

// A mapped region as applications see it. Everything here runs in the thread that made the object;
// the bytes are reached by plain memory accesses, which never come through this file.

import { show } from './check.ts'
import { UmapError, umapErrorCodes } from './errors.ts'
import { type EngineOperation, toUmapError } from './native-errors.ts'
import type { Access } from './options.ts'
import { createPin, type Pin } from './pin.ts'
import { type ExactRange, type Range, resolveRange, resolveRanges } from './range.ts'
import { RegionEvents } from './region-events.ts'
import type { RegionHandle } from './region-handle.ts'
import type { RegionMemory } from './region-memory.ts'
import type { RegionStats } from './region-stats.ts'
import { createView, type ViewConstructor, type ViewOf } from './view.ts'
import { callPinned } from './with-resident.ts'

/** What a region is made of; see `umap` and `attach`. */
export interface RegionParts {
  readonly memory: RegionMemory
  readonly byteLength: number
  readonly pageBytes: number
  readonly access: Access
  readonly shared: boolean
  /** Called before another thread can learn of the region. */
  onShare(): void
  /** Called once when this region is closed; `isLast` is false while other threads use it. */
  onClose(isLast: boolean): Promise<void>
}

/** Options of `Region.prefault`. */
export interface PrefaultOptions {
  /** Ends the waiting; pages that are being filled are filled nevertheless. */
  readonly signal?: AbortSignal
}

/**
 * A store object, or a window of one, as an ordinary `ArrayBuffer`. Made by `umap` or `attach`.
 *
 * Methods throw or reject with a `TypeError` or `RangeError` for bad arguments, and with a
 * {@link UmapError}: UMAP_CLOSED after `close`, UMAP_STORE with the store's error as `cause`.
 */
export class Region<B extends ArrayBufferLike = ArrayBuffer> extends RegionEvents {
  /** The exact size in bytes of what is mapped. */
  readonly byteLength: number
  /** The unit of transfer in bytes. */
  readonly pageBytes: number
  readonly access: Access
  readonly #parts: RegionParts
  readonly #memory: RegionMemory
  readonly #inFlight = new Set<Promise<unknown>>()
  readonly #pins = new Set<Pin>()
  readonly #unsubscribe: () => void
  #buffer: ArrayBufferLike
  #closing: Promise<void> | undefined
  #lastStats: RegionStats | undefined

  /** Not for applications: use `umap` or `attach`. */
  constructor(parts: RegionParts) {
    super()
    this.#parts = parts
    this.#memory = parts.memory
    this.byteLength = parts.byteLength
    this.pageBytes = parts.pageBytes
    this.access = parts.access
    this.#buffer = this.#memory.map()
    this.#unsubscribe = this.#memory.subscribe((event) => this.receive(event))
  }

  /**
   * The bytes of the region; a `SharedArrayBuffer` with `shared: true`. After `close` an
   * `ArrayBuffer` is detached, and so are its views; a `SharedArrayBuffer` must not be touched.
   */
  get buffer(): B {
    return this.#buffer as B
  }

  /** Structured-cloneable: pass it to another worker thread of this process, and `attach` there. */
  get handle(): RegionHandle {
    this.#checkOpen('handle')
    this.#parts.onShare()
    return {
      type: 'umap.region',
      processId: process.pid,
      regionId: this.#memory.id,
      byteLength: this.byteLength,
      pageBytes: this.pageBytes,
      access: this.access,
      shared: this.#parts.shared,
    }
  }

  /**
   * A typed array, DataView or Buffer over a part of the region: `length` elements (bytes for
   * DataView and Buffer) from `byteOffset` on; without `length` up to the end.
   */
  view<C extends ViewConstructor>(ctor: C, byteOffset?: number, length?: number): ViewOf<C> {
    this.#checkOpen('view')
    return createView(this.#buffer, ctor, byteOffset, length)
  }

  /**
   * Fills ranges without touching them, in parallel; without a range, all of the region, as far as
   * the page buffer holds it. Pages whose fill had failed are tried again.
   *
   * Rejects with the store's error, or with the signal's reason.
   */
  async prefault(ranges?: Range | readonly Range[], options: PrefaultOptions = {}): Promise<void> {
    this.#checkOpen('prefault')
    const exact = resolveRanges(ranges, this.byteLength)
    const { signal } = options
    signal?.throwIfAborted()
    const filled = this.#run('page', 'prefault', () => this.#memory.prefault(exact))
    await (signal === undefined ? filled : unlessAborted(filled, signal))
  }

  /** Resolves when every byte that was written before the call is durable in the store. */
  async flush(range?: Range): Promise<void> {
    this.#checkOpen('flush')
    const exact = resolveRange(range, this.byteLength)
    await this.#run('page', 'flush', () => this.#memory.flush(exact))
  }

  /** Drops pages that lie in the range; dirty ones are written back first. */
  async evict(range?: Range): Promise<void> {
    this.#checkOpen('evict')
    const exact = resolveRange(range, this.byteLength)
    await this.#run('page', 'evict', () => this.#memory.evict(exact))
  }

  /**
   * Says that the bytes are no longer needed: the range reads as zeros, and becomes a hole in the
   * store where that can have holes. Rejects with UMAP_READ_ONLY on a read-only region.
   */
  async discard(range: Range): Promise<void> {
    this.#checkOpen('discard')
    const exact = resolveRange(requireRange(range), this.byteLength)
    if (this.access === 'read-only') {
      throw new UmapError('discard: the region is read-only', { code: umapErrorCodes.readOnly })
    }
    await this.#run('page', 'discard', () => this.#memory.discard(exact))
  }

  /**
   * Makes a range resident and keeps it so until the returned pin is released: safe for system calls
   * in every way of taking faults. Blocks this thread until the pages are filled.
   *
   * Throws UMAP_NO_MEMORY where the page buffer cannot hold that much pinned.
   */
  pin(range: Range): Pin {
    this.#checkOpen('pin')
    const exact = resolveRange(requireRange(range), this.byteLength)
    try {
      this.#memory.pin(exact)
    } catch (error) {
      throw toUmapError(error, 'pin', 'pin')
    }
    const pin = createPin(exact.offset, exact.byteLength, () => {
      this.#pins.delete(pin)
      this.#unpin(exact)
    })
    this.#pins.add(pin)
    return pin
  }

  /**
   * Calls `use` with the bytes of a range that stay resident for as long as the call takes: the
   * memory to hand to system calls (`fs`, sockets), which fail with EFAULT on absent pages unless
   * `stats().faultMode` is 'userfaultfd'. In that way it works too, and then costs only the pin.
   *
   * Pins the range, which blocks this thread until it is filled; calls; unpins, also when `use`
   * throws. Returns what `use` returns. Where that is a promise, the range stays pinned until it
   * settles, and `close` waits for it. The bytes are a view of the region, not a copy: they must not
   * be used after the call. In a read-write region the pages may count as dirty from then on.
   *
   * Throws what `pin` throws, and a `TypeError` unless `use` is a function.
   */
  withResident<T>(range: Range, use: (bytes: Buffer) => PromiseLike<T>): Promise<T>
  withResident<T>(range: Range, use: (bytes: Buffer) => T): T
  withResident<T>(range: Range, use: (bytes: Buffer) => T): T | Promise<Awaited<T>> {
    if (typeof use !== 'function') {
      throw new TypeError(`use must be a function, not ${show(use)}`)
    }
    const pin = this.pin(range)
    const call = () => use(createView(this.#buffer, Buffer, pin.offset, pin.byteLength))
    return callPinned(pin, call, (released) => this.#await(released))
  }

  /** A plain snapshot; after `close` the last one. */
  stats(): RegionStats {
    return this.#lastStats ?? this.#memory.stats()
  }

  /**
   * Writes everything back, makes it durable, detaches every view, unmaps. Waits for operations
   * under way, and, where other threads use the region, leaves the memory to them. Idempotent.
   *
   * Rejects with UMAP_STORE where the write-back fails. Nothing is lost then: the region is open
   * as before, with a new `buffer`, and `close` may be repeated.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeNow()
    return this.#closing
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeNow(): Promise<void> {
    // 1. Operations under way use the memory. The loop: one may begin in a continuation of another.
    while (this.#inFlight.size > 0) {
      await Promise.allSettled(this.#inFlight)
    }
    // 2. Pins would forbid the eviction.
    for (const pin of [...this.#pins]) {
      pin.release()
    }
    // 3. From here on nothing in this thread can reach the memory.
    this.#lastStats = this.#memory.stats()
    this.#memory.unmap()
    // 4. The last user's close writes back.
    let isLast: boolean
    try {
      isLast = await this.#memory.close()
    } catch (error) {
      this.#reopen()
      throw toUmapError(error, 'close', 'close')
    }
    this.#unsubscribe()
    await this.#parts.onClose(isLast)
  }

  #reopen(): void {
    this.#buffer = this.#memory.map()
    this.#lastStats = undefined
    this.#closing = undefined
  }

  async #run(operation: EngineOperation, doing: string, start: () => Promise<void>): Promise<void> {
    const running = start()
    this.#await(running)
    try {
      await running
    } catch (error) {
      throw toUmapError(error, operation, doing)
    }
  }

  /** Makes `close` wait for work that uses the memory; how it ends is its caller's matter. */
  #await(running: Promise<unknown>): void {
    const forget = () => this.#inFlight.delete(running)
    this.#inFlight.add(running)
    running.then(forget, forget)
  }

  #unpin(range: ExactRange): void {
    if (this.#lastStats === undefined) {
      this.#memory.unpin(range)
    }
  }

  #checkOpen(doing: string): void {
    if (this.#closing !== undefined) {
      throw new UmapError(`${doing}: the region is closed`, { code: umapErrorCodes.closed })
    }
  }
}

function requireRange(range: Range | undefined): Range {
  if (range === undefined) {
    throw new TypeError('range must be an object with offset and byteLength, not undefined')
  }
  return range
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => undefined)
  }
}

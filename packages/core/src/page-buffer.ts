// The memory that holds resident pages: a budget in bytes that any number of regions share. One
// default buffer a thread adapts to the memory that the machine has to spare.

import { checkInteger, checkKnownKeys, checkObject } from './check.ts'
import { type Engine, loadEngine } from './engine-access.ts'
import type { EnvironmentDefaults } from './environment.ts'
import { UmapError, umapErrorCodes } from './errors.ts'
import { defaultPageBytes, systemPageBytes } from './page-bytes.ts'

/** Options of {@link PageBuffer}, and of `umap({ buffer })`. */
export interface PageBufferOptions {
  /**
   * Bytes of resident pages at most, all regions together. Default: adaptive, half of the memory
   * that is available, followed up and down while the program runs.
   */
  readonly bytes?: number
  /** Filled share of the budget, in percent, at which eviction starts. */
  readonly highWaterPercent?: number
  /** Filled share of the budget, in percent, at which eviction stops. */
  readonly lowWaterPercent?: number
}

/** A snapshot of a {@link PageBuffer}; sizes in bytes. */
export interface PageBufferStats {
  readonly budgetBytes: number
  /** Physical memory held: mapped pages, standby and free frames. Never above the budget. */
  readonly residentBytes: number
  /** The most that `residentBytes` ever was. */
  readonly residentBytesMax: number
  readonly mappedBytes: number
  /** Pages that were taken out of a mapping and can be put back without I/O. */
  readonly standbyBytes: number
  readonly dirtyBytes: number
  /** How many open regions use the buffer. */
  readonly regions: number
}

const optionNames = ['bytes', 'highWaterPercent', 'lowWaterPercent'] as const
const highWaterPercentDefault = 97
const lowWaterPercentDefault = 95

/**
 * A page buffer that several regions share: `umap({ store, buffer })`.
 *
 * The idea of one buffer with two watermarks is LLNL UMap's.
 */
export class PageBuffer {
  /** The budget in bytes; undefined where it adapts. */
  readonly bytes: number | undefined
  readonly #engine: Engine
  readonly #id: number
  #isClosed = false
  #lastStats: PageBufferStats | undefined

  /**
   * Throws a `TypeError` or `RangeError` that names the option, and a `UmapError` with the code
   * UMAP_UNSUPPORTED where there is no engine.
   */
  constructor(options: PageBufferOptions = {}) {
    checkBufferOptions(options, '')
    this.#engine = loadEngine()
    const settings = withDefaults(options, this.#engine.defaults)
    this.bytes = settings.budgetBytes === 0 ? undefined : settings.budgetBytes
    this.#id = this.#engine.native.bufferCreate(settings)
  }

  /** A plain snapshot; after `close` the last one. */
  stats(): PageBufferStats {
    if (!this.#isClosed) {
      this.#lastStats = { ...this.#engine.native.bufferStats(this.#id) }
    }
    return this.#lastStats as PageBufferStats
  }

  /** No more regions can be opened on it; its memory goes with its last region. Idempotent. */
  close(): void {
    if (!this.#isClosed) {
      this.stats()
      this.#isClosed = true
      this.#engine.native.bufferRelease(this.#id)
    }
  }

  /** The same as `close`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** The engine's number of `buffer`, which must be open. */
  static idOf(buffer: PageBuffer): number {
    if (buffer.#isClosed) {
      throw new UmapError('the page buffer is closed', { code: umapErrorCodes.closed })
    }
    return buffer.#id
  }
}

/** A buffer that a region uses, and what to call when the region no longer does. */
export interface BufferLease {
  readonly bufferId: number
  release(): void
}

const defaultBuffer: { buffer?: PageBuffer; users: number } = { users: 0 }

/**
 * A use of the buffer that regions of this thread share where they say nothing else.
 *
 * Throws a `RangeError` where UMAP_BUFSIZE has made it too small for pages of `pageBytes`.
 */
export function leaseDefaultBuffer(pageBytes: number): BufferLease {
  defaultBuffer.buffer ??= new PageBuffer()
  const { bytes } = defaultBuffer.buffer
  if (bytes !== undefined && bytes < 2 * pageBytes) {
    throw new RangeError(
      `the environment variable UMAP_BUFSIZE makes a buffer of ${bytes} bytes, which is less ` +
        `than two pages of ${pageBytes}`,
    )
  }
  const bufferId = PageBuffer.idOf(defaultBuffer.buffer)
  defaultBuffer.users += 1
  return {
    bufferId,
    release() {
      defaultBuffer.users -= 1
      if (defaultBuffer.users === 0) {
        defaultBuffer.buffer?.close()
        delete defaultBuffer.buffer
      }
    },
  }
}

/** A use of the buffer that `umap` was given: one made for the region alone, or a shared one. */
export function leaseBuffer(buffer: PageBuffer | PageBufferOptions): BufferLease {
  if (buffer instanceof PageBuffer) {
    return { bufferId: PageBuffer.idOf(buffer), release() {} }
  }
  const own = new PageBuffer(buffer)
  return { bufferId: PageBuffer.idOf(own), release: () => own.close() }
}

/** Throws unless `options` are those of a page buffer; names in messages begin with `prefix`. */
export function checkBufferOptions(options: PageBufferOptions, prefix: string): void {
  checkObject(options, prefix === '' ? 'options' : 'buffer')
  checkKnownKeys(options, optionNames, prefix === '' ? 'PageBuffer' : 'buffer')
  const { bytes, highWaterPercent, lowWaterPercent } = options
  if (bytes !== undefined) {
    checkInteger(bytes, `${prefix}bytes`, 2 * systemPageBytes(), Number.MAX_SAFE_INTEGER)
  }
  if (highWaterPercent !== undefined) {
    checkInteger(highWaterPercent, `${prefix}highWaterPercent`, 1, 100)
  }
  if (lowWaterPercent !== undefined) {
    checkInteger(lowWaterPercent, `${prefix}lowWaterPercent`, 0, 99)
  }
  const isUpsideDown =
    highWaterPercent !== undefined &&
    lowWaterPercent !== undefined &&
    lowWaterPercent >= highWaterPercent
  if (isUpsideDown) {
    throw new RangeError(
      `${prefix}lowWaterPercent ${lowWaterPercent} must be less than ` +
        `${prefix}highWaterPercent ${highWaterPercent}`,
    )
  }
}

/** The engine's form of `options`: options first, then the environment, then the defaults. */
export function withDefaults(
  options: PageBufferOptions,
  defaults: EnvironmentDefaults,
): { budgetBytes: number; highWaterPercent: number; lowWaterPercent: number } {
  const pageBytes = defaults.pageBytes ?? defaultPageBytes
  const budgetBytes = options.bytes ?? (defaults.bufferPages ?? 0) * pageBytes
  let high = options.highWaterPercent ?? defaults.highWaterPercent ?? highWaterPercentDefault
  let low = options.lowWaterPercent ?? defaults.lowWaterPercent ?? lowWaterPercentDefault
  // Where only one was said, a default of the other must not contradict it.
  if (low >= high && options.lowWaterPercent === undefined) {
    low = Math.floor((high * lowWaterPercentDefault) / highWaterPercentDefault)
  } else if (low >= high) {
    high = Math.min(100, Math.ceil((low + 100) / 2))
  }
  return { budgetBytes, highWaterPercent: high, lowWaterPercent: low }
}

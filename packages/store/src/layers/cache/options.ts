// Options of the cache layer: checked at the caller's line, and turned into the shape of the file.
// Pure.

import { checkInteger, checkObject, show } from '../check-options.ts'
import { entryBytes, groupBlocks, headerBytes } from './format.ts'

/** Options of the cache layer. */
export interface CacheOptions {
  /** The file; made where it is missing. One store, one file. */
  readonly path: string
  /** Size of the file at most, its own bookkeeping included. */
  readonly bytes: number
  /**
   * What is read from the store below, and kept, as a whole: a power of two from 512 bytes to
   * 16 MiB. Best the region's `pageBytes`. Default 65 536.
   */
  readonly blockBytes?: number
  /**
   * How what is in the file is known to be still right when the store is opened again:
   *
   * - `'version'`, the default: by the store's `version`. A store without one is refused.
   * - `{ version }`: by your word that a store with this version never changed by other hands.
   * - `'until-closed'`: it is not; each opening begins with an empty cache.
   */
  readonly trust?: 'version' | 'until-closed' | { readonly version: string }
}

/** Checked options. */
export interface CheckedCacheOptions extends Required<CacheOptions> {
  /** Blocks that the file has place for. */
  readonly slotCount: number
}

const names = ['path', 'bytes', 'blockBytes', 'trust'] as const
const blockBytesMin = 512
const blockBytesMax = 16 * 2 ** 20
// Each slot takes about 100 bytes of memory while the cache is open.
const slotCountMax = 2 ** 26

/** Throws a `TypeError` or `RangeError` that names the option. */
export function checkCacheOptions(options: CacheOptions): CheckedCacheOptions {
  checkObject('cache', options, names)
  const { path, bytes, trust = 'version' } = options
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`path must name a file, not ${show(path)}`)
  }
  const blockBytes = checkInteger(
    'blockBytes',
    options.blockBytes,
    65_536,
    blockBytesMin,
    blockBytesMax,
  )
  if (2 ** Math.round(Math.log2(blockBytes)) !== blockBytes) {
    throw new RangeError(`blockBytes must be a power of two, not ${blockBytes}`)
  }
  if (bytes === undefined) {
    throw new TypeError('cache needs bytes, the size of its file at most')
  }
  // Each slot has an entry, and one for a group of holes.
  const bytesMin = headerBytes + 2 * entryBytes + blockBytes
  checkInteger('bytes', bytes, bytesMin, bytesMin, Number.MAX_SAFE_INTEGER)
  const slotCount = Math.floor((bytes - headerBytes) / (2 * entryBytes + blockBytes))
  if (slotCount > slotCountMax) {
    throw new RangeError(`bytes ${bytes} is too much for blockBytes ${blockBytes}`)
  }
  return { path, bytes, blockBytes, trust: checkTrust(trust), slotCount }
}

/** Groups of holes that a store of this size can have, as far as the file has place for them. */
export function groupCountOf(options: CheckedCacheOptions, byteLength: number): number {
  const groups = Math.ceil(byteLength / options.blockBytes / groupBlocks)
  return Math.max(1, Math.min(options.slotCount, groups))
}

function checkTrust(trust: CheckedCacheOptions['trust']): CheckedCacheOptions['trust'] {
  if (trust === 'version' || trust === 'until-closed') {
    return trust
  }
  if (trust === null || typeof trust !== 'object') {
    throw new TypeError(
      `trust must be 'version', 'until-closed' or { version }, not ${show(trust)}`,
    )
  }
  checkObject('trust', trust, ['version'])
  if (typeof trust.version !== 'string' || trust.version === '') {
    throw new TypeError(
      `trust.version must be a text that is not empty, not ${show(trust.version)}`,
    )
  }
  return { version: trust.version }
}

// Opens the cache file beside an open store: locks it, decides whether what is in it may be
// believed, and runs the store without it where that is better than failing. Any thread.

import { randomUUID } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import type { OpenStoreContext, PageStore } from '../../page-store.ts'
import { isRetryableCode, readProperty, StoreError, storeErrorCodes } from '../../store-error.ts'
import { layerStore } from '../layer.ts'
import { type LayerRuntime, systemRuntime } from '../runtime.ts'
import { CacheFile } from './cache-file.ts'
import { type CacheIo, fileCacheIo } from './cache-io.ts'
import { CacheLayer } from './cache-layer.ts'
import { lockFile, lockingOpenFlags } from './file-lock.ts'
import { type CacheHeader, decodeHeader, headerBytes, versionKey } from './format.ts'
import { type CheckedCacheOptions, groupCountOf } from './options.ts'
import type { CacheStats } from './stats.ts'

/** A store with a cache file before it. */
export interface CacheStore extends PageStore {
  /** A snapshot. */
  stats(): CacheStats
}

/** What is not an option, because it cannot be written down. */
export interface CacheRuntime {
  readonly clock?: LayerRuntime
  /** Told why the cache does less than it should; by default a warning of the process. */
  readonly onTrouble?: (message: string) => void
  /** Wraps the file operations. */
  readonly wrapIo?: (io: CacheIo) => CacheIo
}

const inUse = 'in use by another opening'
/** The counters of a store that runs without its cache. */
const noCounts = { hits: 0, misses: 0, torn: 0, inserts: 0, evictions: 0, dropped: 0 }
// What a full disk says; the store below is no worse for it.
const fullCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** Opens the file that `options` name before `inner`, which it closes with itself. */
export async function openCache(
  inner: PageStore,
  options: CheckedCacheOptions,
  context: OpenStoreContext,
  runtime: CacheRuntime,
): Promise<CacheStore> {
  const keyOf = versionKeyOf(inner, options)
  const warn =
    runtime.onTrouble ??
    ((message: string) => process.emitWarning(message, { type: 'Warning', code: 'UMAP_CACHE' }))
  const tell = troubleTeller(options.path, warn)
  let opened: OpenedFile | string
  try {
    opened = await openLocked(options.path)
  } catch (error) {
    throw toStoreError(error, options.path)
  }
  if (typeof opened === 'string') {
    warn(`the cache ${options.path} is ${opened}; the store runs without it`)
    return uncached(inner, opened)
  }
  const { fd, unlock } = opened
  const io = fileCacheIo(fd, options.path)
  try {
    const facts = {
      blockBytes: options.blockBytes,
      slotCount: options.slotCount,
      groupCount: groupCountOf(options, inner.byteLength),
      byteLength: inner.byteLength,
      versionKey: keyOf(),
    }
    const file = await CacheFile.open(runtime.wrapIo?.(io) ?? io, facts, (header) =>
      isBelievable(header, inner, options),
    )
    // Where writes were not flushed, the store may show them still: what is cached from now on
    // holds only once a flush has covered them.
    const isSameSession = context.version !== undefined
    const unflushed = file.header.unflushed && (isSameSession || !inner.capabilities.atomicFlush)
    if (file.header.unflushed && !unflushed) {
      file.setHeader({ unflushed: false })
    }
    const clock = runtime.clock ?? systemRuntime
    const parts = { inner, file, runtime: clock, versionKey: keyOf, unflushed, unlock }
    return new CacheLayer({ ...parts, onTrouble: tell }).store()
  } catch (error) {
    io.close()
    await unlock()
    if (fullCodes.has(readProperty(error, 'code'))) {
      tell('the file cannot be begun', error)
      return uncached(inner, 'on a full disk')
    }
    throw toStoreError(error, options.path)
  }
}

// After a crash, a store whose flush is not atomic may hold any part of what was not flushed, and
// whether the machine crashed too cannot be told.
function isBelievable(
  header: CacheHeader,
  inner: PageStore,
  options: CheckedCacheOptions,
): boolean {
  const isAhead = header.unflushed && !inner.capabilities.atomicFlush
  return !isAhead && options.trust !== 'until-closed'
}

function versionKeyOf(inner: PageStore, options: CheckedCacheOptions): () => Uint8Array {
  const { trust } = options
  if (typeof trust === 'object') {
    return () => versionKey('named', JSON.stringify([trust.version, inner.version ?? null]))
  }
  if (trust === 'until-closed') {
    return () => versionKey('once', randomUUID())
  }
  if (inner.version === undefined) {
    throw new StoreError(
      'the store below the cache has no version, so nobody knows whether what is cached is still ' +
        "right: give trust: { version } where you know it, or trust: 'until-closed'",
      { code: storeErrorCodes.unsupported },
    )
  }
  // A store that stops saying its version is not believed the next time.
  return () => versionKey('version', inner.version ?? randomUUID())
}

interface OpenedFile {
  readonly fd: number
  readonly unlock: () => Promise<void>
}

// The open and locked file, or why there is none.
async function openLocked(path: string): Promise<OpenedFile | string> {
  for (;;) {
    const fd = openUnlocked(path)
    if (typeof fd === 'string') {
      return fd
    }
    const unlock = await lockOpened(fd)
    if (typeof unlock === 'string') {
      closeSync(fd)
      return unlock
    }
    try {
      // Whoever had it before us may have taken its name away: then there is a new file, or none.
      if (isNamed(fd, path)) {
        await refuseForeign(fd, path)
        return { fd, unlock }
      }
    } catch (error) {
      closeSync(fd)
      await unlock()
      throw error
    }
    closeSync(fd)
    await unlock()
  }
}

function openUnlocked(path: string): number | string {
  if (statOf(path)?.isFile() === false) {
    // The opening of a pipe would block.
    throw new StoreError(`${path} is not a regular file`, { code: storeErrorCodes.unsupported })
  }
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | lockingOpenFlags, 0o600)
  } catch (error) {
    const code = readProperty(error, 'code')
    if (lockingOpenFlags !== 0 && code === 'EAGAIN') {
      return inUse
    }
    if (fullCodes.has(code)) {
      return 'on a full disk'
    }
    throw error
  }
}

async function lockOpened(fd: number): Promise<(() => Promise<void>) | string> {
  try {
    return (await lockFile(fstatSync(fd, { bigint: true }))) ?? inUse
  } catch (error) {
    return `impossible to lock here (${readProperty(error, 'code')})`
  }
}

function isNamed(fd: number, path: string): boolean {
  const stats = fstatSync(fd, { bigint: true })
  const named = statOf(path)
  return named?.ino === stats.ino && named.dev === stats.dev
}

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

// A mistaken path must not cost anybody a file.
async function refuseForeign(fd: number, path: string): Promise<void> {
  const head = new Uint8Array(headerBytes)
  await fileCacheIo(fd, path).read(0, head)
  if (decodeHeader(head) === 'foreign') {
    throw new StoreError(`${path} is something else than a cache file; it is left as it is`, {
      code: storeErrorCodes.invalid,
    })
  }
}

function uncached(inner: PageStore, reason: string): CacheStore {
  const store = layerStore(inner, {
    around: (_call, proceed) => proceed(),
    close: () => inner.close(),
  })
  return Object.assign(store, { stats: () => ({ ...noCounts, uncached: reason }) })
}

// Each trouble is told once: a full disk would be told with every block.
function troubleTeller(
  path: string,
  warn: (message: string) => void,
): (what: string, error: unknown) => void {
  const told = new Set<string>()
  return (what, error) => {
    const code = readProperty(error, 'code')
    const message = `the cache ${path}: ${what} (${typeof code === 'string' ? code : 'unknown'})`
    if (!told.has(message)) {
      told.add(message)
      warn(message)
    }
  }
}

function toStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) {
    return error
  }
  const code = readProperty(error, 'code')
  const known = typeof code === 'string' ? code : storeErrorCodes.unknown
  return new StoreError(`cannot use ${path} as a cache file: ${known}`, {
    code: known,
    retryable: isRetryableCode(known),
    cause: error,
  })
}

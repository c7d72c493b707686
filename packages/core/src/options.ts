// The options of `umap()`, checked at the caller's line and completed with defaults: the option,
// else the environment, else the built-in value. Pure; any thread.

import type { FaultChoice } from '@umap/native'
import { resolveStoreRef, type StoreRef, type StoreSource } from '@umap/store'
import { checkBoolean, checkChoice, checkInteger, checkKnownKeys, checkObject } from './check.ts'
import { type EnvironmentDefaults, faultChoices } from './environment.ts'
import { checkBufferOptions, PageBuffer, type PageBufferOptions } from './page-buffer.ts'
import { checkPageBytes, defaultPageBytes } from './page-bytes.ts'

/** How a region may be used. */
export type Access = 'read-only' | 'read-write'

/** Options of `umap()`. */
export interface UmapOptions {
  /** The store whose bytes are mapped: what a factory such as `fileStore` made, or a module. */
  readonly store: StoreSource
  /** Default 'read-only': a write to the region's memory never reaches the store. */
  readonly access?: Access
  /** Unit of transfer: a power of two from the system's page to 1 GiB. Default 64 KiB. */
  readonly pageBytes?: number
  /** A buffer of the region's own, or one that regions share. Default: adaptive, one a thread. */
  readonly buffer?: PageBufferOptions | PageBuffer
  /** First byte of the store that is mapped: a multiple of `pageBytes`. Default 0. */
  readonly offset?: number
  /** Bytes of the store that are mapped. Default: up to the end of the store. */
  readonly byteLength?: number
  /**
   * How a touch of an absent page reaches the engine. 'auto', the default, takes the best that this
   * machine allows: 'userfaultfd', else 'signal'. 'in-thread' has the lowest latency. In any way but
   * the first a system call on an absent page fails with EFAULT: see `Region.withResident`.
   */
  readonly faults?: FaultChoice
  /**
   * Where a JavaScript store runs: in a worker thread, the default, or in a process of its own, with
   * a thread pool and crashes of its own.
   */
  readonly host?: 'worker' | 'process'
  /** Makes `region.buffer` a `SharedArrayBuffer`, where Node offers it. Default false. */
  readonly shared?: boolean
}

/** Options with nothing left open but what only the open store can tell. */
export interface ResolvedOptions {
  readonly store: StoreRef
  readonly opensInCaller: boolean
  readonly access: Access
  readonly pageBytes: number
  readonly buffer: PageBufferOptions | PageBuffer | undefined
  readonly offset: number
  readonly byteLength: number | undefined
  readonly host: 'worker' | 'process'
  readonly shared: boolean
  readonly readAheadPagesMax: number
  readonly faults: FaultChoice
  /** The words in which `faults` was asked for, for messages. */
  readonly faultsText: string
}

/** The part of a store that a region covers, in bytes. */
export interface Window {
  readonly offset: number
  readonly byteLength: number
}

const optionNames = [
  'store',
  'access',
  'pageBytes',
  'buffer',
  'offset',
  'byteLength',
  'faults',
  'host',
  'shared',
] as const

/** Node 20 aborts the process on an external `ArrayBuffer` of more than this. */
const arrayBufferBytesMaxOfNode20 = 2 ** 32

/**
 * Checks and completes `options`.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function resolveOptions(
  options: UmapOptions,
  defaults: EnvironmentDefaults,
): ResolvedOptions {
  checkObject(options, 'options')
  checkKnownKeys(options, optionNames, 'umap')
  if (options.store === undefined) {
    throw new TypeError('store must be given: a StoreRef, such as fileStore({ path }) makes')
  }
  const pageBytes =
    options.pageBytes === undefined
      ? (defaults.pageBytes ?? defaultPageBytes)
      : checkPageBytes(options.pageBytes, 'pageBytes')
  return {
    ...resolveStore(options.store),
    access:
      options.access === undefined
        ? 'read-only'
        : checkChoice(options.access, 'access', ['read-only', 'read-write']),
    pageBytes,
    buffer: resolveBuffer(options.buffer, pageBytes),
    offset: resolveOffset(options.offset, pageBytes),
    byteLength:
      options.byteLength === undefined
        ? undefined
        : checkInteger(options.byteLength, 'byteLength', 0, Number.MAX_SAFE_INTEGER),
    host:
      options.host === undefined
        ? 'worker'
        : checkChoice(options.host, 'host', ['worker', 'process']),
    shared: options.shared === undefined ? false : checkBoolean(options.shared, 'shared'),
    readAheadPagesMax: defaults.readAheadPages ?? -1,
    ...resolveFaults(options.faults, defaults.faults),
  }
}

/**
 * The window of a store of `storeBytes` bytes that the options ask for.
 *
 * Throws a `RangeError` that names the option.
 */
export function resolveWindow(
  options: Pick<ResolvedOptions, 'offset' | 'byteLength'>,
  storeBytes: number,
  nodeVersion: string = process.versions.node,
): Window {
  const { offset } = options
  if (offset > storeBytes) {
    throw new RangeError(`offset ${offset} is past the end of the store, ${storeBytes} bytes`)
  }
  const byteLength = options.byteLength ?? storeBytes - offset
  if (byteLength > storeBytes - offset) {
    throw new RangeError(
      `byteLength ${byteLength} reaches past the end of the store: ` +
        `${storeBytes - offset} bytes are left from offset ${offset} on`,
    )
  }
  if (byteLength > arrayBufferBytesMaxOfNode20 && Number.parseInt(nodeVersion, 10) < 22) {
    throw new RangeError(
      `byteLength ${byteLength} is more than the 4 GiB that one ArrayBuffer can have on Node ` +
        `${nodeVersion}: it needs Node 22 or later, or a smaller window (offset, byteLength)`,
    )
  }
  return { offset, byteLength }
}

function resolveStore(source: StoreSource): { store: StoreRef; opensInCaller: boolean } {
  const store = resolveStoreRef(source)
  return { store, opensInCaller: store.nativeFd === true }
}

function resolveOffset(offset: number | undefined, pageBytes: number): number {
  const bytes = checkInteger(offset ?? 0, 'offset', 0, Number.MAX_SAFE_INTEGER)
  if (bytes % pageBytes !== 0) {
    throw new RangeError(`offset must be a multiple of pageBytes, which is ${pageBytes}: ${bytes}`)
  }
  return bytes
}

function resolveBuffer(
  buffer: UmapOptions['buffer'],
  pageBytes: number,
): PageBufferOptions | PageBuffer | undefined {
  if (buffer === undefined) {
    return undefined
  }
  const isShared = buffer instanceof PageBuffer
  if (!isShared) {
    checkBufferOptions(buffer, 'buffer.')
  } else {
    PageBuffer.idOf(buffer)
  }
  if (buffer.bytes !== undefined && buffer.bytes < 2 * pageBytes) {
    throw new RangeError(
      `buffer.bytes must be at least two pages of the region, ${2 * pageBytes}, ` +
        `not ${buffer.bytes}`,
    )
  }
  return isShared ? buffer : { ...buffer }
}

function resolveFaults(
  option: UmapOptions['faults'],
  variable: FaultChoice | undefined,
): { faults: FaultChoice; faultsText: string } {
  if (option !== undefined) {
    const faults = checkChoice(option, 'faults', faultChoices)
    return { faults, faultsText: `faults: '${faults}'` }
  }
  const faults = variable ?? 'auto'
  return { faults, faultsText: `UMAP_FAULTS=${faults}` }
}

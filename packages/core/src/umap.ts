// Opens regions: `umap` from a store, `attach` from the handle of a region that another thread
// opened. Runs in the thread that is going to touch the memory.

import type { NativeBinding, RegionId } from '@umap/native'
import { at, captureCallSite } from './caller.ts'
import { type Engine, loadEngine } from './engine-access.ts'
import { UmapError } from './errors.ts'
import { flushAtExit, forgetAtExit } from './flush-at-exit.ts'
import { toUmapError } from './native-errors.ts'
import {
  type ResolvedOptions,
  resolveOptions,
  resolveWindow,
  type UmapOptions,
  type Window,
} from './options.ts'
import { type BufferLease, leaseBuffer, leaseDefaultBuffer } from './page-buffer.ts'
import { Region, type RegionParts } from './region.ts'
import { announceClosed, listenForClosings, whenClosedElsewhere } from './region-closings.ts'
import { checkHandle, type RegionHandle } from './region-handle.ts'
import { emptyMemory, nativeMemory } from './region-memory.ts'
import { closeStore, leaseOrFail, type StoreLease } from './store-lease.ts'

/**
 * Maps a store object, or a window of one, into an `ArrayBuffer`.
 *
 * Nothing is read before it is touched or prefaulted. The idea of paging in user space, and most
 * options, are LLNL UMap's; the mechanism is userfaultfd(2), or mprotect(2) and SIGSEGV.
 *
 * Rejects with a `TypeError` or `RangeError` that names the option, and with a {@link UmapError}:
 * UMAP_UNSUPPORTED or UMAP_PERMISSION where this machine cannot do it in the way that `faults` asks
 * for, with the cause and what helps; UMAP_STORE where the store cannot be opened; UMAP_NO_MEMORY.
 * The stack is that of the caller.
 */
export function umap(
  options: UmapOptions & { readonly shared: true },
): Promise<Region<SharedArrayBuffer>>
export function umap(options: UmapOptions): Promise<Region>
export async function umap(options: UmapOptions): Promise<Region<ArrayBufferLike>> {
  const site = captureCallSite(umap)
  try {
    // Options first: a wrong one is wrong on every machine.
    const engine = loadEngineAfter(() => resolveOptions(options, {}))
    return await openRegion(engine, resolveOptions(options, engine.defaults))
  } catch (error) {
    throw isForCaller(error) ? at(error, site) : error
  }
}

/**
 * A region of this thread on the memory of a region that another thread of this process opened.
 * The memory stays mapped until the last of them is closed; a thread that ends has closed its own.
 *
 * Throws a `TypeError` for anything but a handle of this process, and a {@link UmapError} with the
 * code UMAP_CLOSED where the region is closed already.
 */
export function attach(handle: RegionHandle & { readonly shared: true }): Region<SharedArrayBuffer>
export function attach(handle: RegionHandle): Region
export function attach(handle: RegionHandle): Region<ArrayBufferLike> {
  const { regionId, byteLength, pageBytes, access, shared } = checkHandle(handle)
  const facts = { byteLength, pageBytes, access, shared }
  if (byteLength === 0) {
    return new Region({ ...facts, memory: emptyMemory(shared), onShare() {}, async onClose() {} })
  }
  const { native } = loadEngine()
  try {
    return new Region({
      ...facts,
      memory: nativeMemory(native, regionId, shared),
      onShare() {},
      async onClose(isLast) {
        if (isLast) {
          announceClosed(regionId)
        }
      },
    })
  } catch (error) {
    throw toUmapError(error, 'map', 'attach')
  }
}

// Anything else is a fault of this package or of a store, and its own stack says where.
function isForCaller(error: unknown): error is Error {
  return error instanceof UmapError || error instanceof TypeError || error instanceof RangeError
}

function loadEngineAfter(check: () => unknown): Engine {
  check()
  return loadEngine()
}

async function openRegion(
  engine: Engine,
  options: ResolvedOptions,
): Promise<Region<ArrayBufferLike>> {
  const store = await leaseOrFail(engine, options)
  let buffer: BufferLease | undefined
  try {
    const window = resolveWindow(options, store.byteLength)
    if (window.byteLength === 0) {
      return emptyRegion(options, store)
    }
    buffer =
      options.buffer === undefined
        ? leaseDefaultBuffer(options.pageBytes)
        : leaseBuffer(options.buffer)
    const regionId = openInEngine(engine.native, options, store, window, buffer)
    return await mapRegion(engine.native, options, window, regionId, store, buffer)
  } catch (error) {
    buffer?.release()
    // What failed first is what the caller has to know.
    await store.close().catch(() => undefined)
    throw error
  }
}

function openInEngine(
  native: NativeBinding,
  options: ResolvedOptions,
  store: StoreLease,
  window: Window,
  buffer: BufferLease,
): RegionId {
  try {
    return native.regionOpen({
      store: store.spec,
      writable: options.access === 'read-write',
      pageBytes: options.pageBytes,
      offset: window.offset,
      byteLength: window.byteLength,
      bufferId: buffer.bufferId,
      readAheadPagesMax: options.readAheadPagesMax,
      faults: options.faults,
    })
  } catch (error) {
    throw toUmapError(error, 'open', `cannot map ${store.label}`, options)
  }
}

async function mapRegion(
  native: NativeBinding,
  options: ResolvedOptions,
  window: Window,
  regionId: RegionId,
  store: StoreLease,
  buffer: BufferLease,
): Promise<Region<ArrayBufferLike>> {
  const needsEventLoop = store.spec.kind === 'host' && options.access === 'read-write'
  const parts: RegionParts = {
    memory: nativeMemory(native, regionId, options.shared),
    byteLength: window.byteLength,
    pageBytes: options.pageBytes,
    access: options.access,
    shared: options.shared,
    onShare: listenForClosings,
    async onClose(isLast) {
      forgetAtExit(region)
      buffer.release()
      if (isLast) {
        await closeStore(store)
      } else {
        whenClosedElsewhere(regionId, () => void store.close().catch(() => undefined))
      }
    },
  }
  const region = await createRegion(parts, () => native.regionClose(regionId))
  if (needsEventLoop) {
    flushAtExit(region, store.label)
  }
  return region
}

async function createRegion(
  parts: RegionParts,
  giveUp: () => Promise<unknown>,
): Promise<Region<ArrayBufferLike>> {
  try {
    return new Region(parts)
  } catch (error) {
    await giveUp()
    throw toUmapError(error, 'map', 'the region cannot be mapped')
  }
}

function emptyRegion(options: ResolvedOptions, store: StoreLease): Region<ArrayBufferLike> {
  return new Region({
    memory: emptyMemory(options.shared),
    byteLength: 0,
    pageBytes: options.pageBytes,
    access: options.access,
    shared: options.shared,
    onShare() {},
    onClose: () => closeStore(store),
  })
}

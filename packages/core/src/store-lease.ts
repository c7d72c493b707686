// Opens the store of a region, either in the thread that maps it or in the store host, and says how
// the engine reaches it. Runs before anything of the region is mapped.

import type { NativeStoreSpec } from '@umap/native'
import {
  openStoreRef,
  type PageStore,
  type StoreCapabilities,
  StoreError,
  storeErrorCodes,
} from '@umap/store'
import type { Engine } from './engine-access.ts'
import { UmapError, umapErrorCodes } from './errors.ts'
import { type ArenaLease, type HostedStore, StoreHost } from './host/store-host.ts'
import { storeLabel } from './host/store-label.ts'
import type { ResolvedOptions } from './options.ts'

/** An open store, and what the engine has to know of it. */
export interface StoreLease {
  readonly byteLength: number
  readonly label: string
  readonly spec: NativeStoreSpec
  /** To be called once the engine has stopped using the store. Rejects with the store's error. */
  close(): Promise<void>
}

type StoreRequest = Pick<
  ResolvedOptions,
  'store' | 'opensInCaller' | 'access' | 'pageBytes' | 'host'
>

const hosts = new Map<ResolvedOptions['host'], StoreHost>()

/** Opens the store that `request` names. Rejects with the error that opening it ended with. */
export async function leaseStore(engine: Engine, request: StoreRequest): Promise<StoreLease> {
  const label = storeLabel(request.store)
  return request.opensInCaller
    ? leaseInCaller(await openStoreRef(request.store, { access: request.access }), request, label)
    : leaseInHost(engine, request, label)
}

/** The same; what is no error of ours or of the options becomes a {@link UmapError}. */
export async function leaseOrFail(engine: Engine, request: StoreRequest): Promise<StoreLease> {
  try {
    return await leaseStore(engine, request)
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof UmapError) {
      throw error
    }
    const reason = error instanceof Error ? error.message : String(error)
    const cause = error instanceof Error ? error : new StoreError(reason, { code: 'STORE_UNKNOWN' })
    throw new UmapError(`${storeLabel(request.store)} cannot be opened: ${reason}`, {
      code: umapErrorCodes.store,
      cause,
    })
  }
}

/** Closes the store of a region that is closed. Rejects with a {@link UmapError}. */
export async function closeStore(store: StoreLease): Promise<void> {
  try {
    await store.close()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UmapError(`the region is closed, but its store's close failed: ${reason}`, {
      code: umapErrorCodes.store,
      cause: error,
    })
  }
}

async function leaseInCaller(
  store: PageStore,
  request: StoreRequest,
  label: string,
): Promise<StoreLease> {
  try {
    const { byteLength, capabilities } = store
    checkAccess(capabilities, request, label)
    const spec = fileSpec(capabilities, byteLength, request, label)
    if (spec === undefined) {
      throw new StoreError(`${label} promised a native descriptor and offers none`, {
        code: storeErrorCodes.invalid,
      })
    }
    return { byteLength, label, spec, close: async () => store.close() }
  } catch (error) {
    await store.close()
    throw error
  }
}

async function leaseInHost(
  engine: Engine,
  request: StoreRequest,
  label: string,
): Promise<StoreLease> {
  const host = hostOf(engine, request.host)
  const hosted = await host.open(request.store, request.access)
  const { byteLength, capabilities } = hosted.description
  try {
    checkAccess(capabilities, request, label)
    const spec = fileSpec(capabilities, byteLength, request, label)
    if (spec !== undefined) {
      return { byteLength, label, spec, close: () => hosted.close() }
    }
    const arena = host.leaseArena(capabilities.callBytesMax, request.pageBytes)
    return { byteLength, label, ...hostedLease(hosted, arena, request, label) }
  } catch (error) {
    await hosted.close()
    throw error
  }
}

function hostOf(engine: Engine, place: ResolvedOptions['host']): StoreHost {
  const host = hosts.get(place) ?? new StoreHost(engine.native, place)
  hosts.set(place, host)
  return host
}

function hostedLease(
  hosted: HostedStore,
  arena: ArenaLease,
  request: StoreRequest,
  label: string,
): Pick<StoreLease, 'spec' | 'close'> {
  const { storeKey, description } = hosted
  return {
    spec: {
      kind: 'host',
      hostId: arena.hostId,
      storeKey,
      byteLength: description.byteLength,
      writable: request.access === 'read-write',
      label,
      callBytesMax: arena.callBytesMax,
      concurrencyMax: description.capabilities.concurrencyMax,
      canDiscard: description.canDiscard,
    },
    async close() {
      try {
        await hosted.close()
      } finally {
        arena.release()
      }
    },
  }
}

function fileSpec(
  capabilities: StoreCapabilities,
  byteLength: number,
  request: StoreRequest,
  label: string,
): NativeStoreSpec | undefined {
  const { nativeFd, nativeDirect, callBytesMax, concurrencyMax } = capabilities
  if (nativeFd === undefined) {
    return undefined
  }
  return {
    kind: 'file',
    fd: nativeFd,
    direct: nativeDirect === true,
    byteLength,
    writable: request.access === 'read-write',
    label,
    callBytesMax: Math.max(callBytesMax, request.pageBytes),
    concurrencyMax,
  }
}

function checkAccess(capabilities: StoreCapabilities, request: StoreRequest, label: string): void {
  if (request.access === 'read-write' && !capabilities.writable) {
    throw new StoreError(`access is 'read-write', but ${label} cannot be written`, {
      code: storeErrorCodes.readOnly,
    })
  }
}

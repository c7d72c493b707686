// Opens the regions of a server: their pages are for other processes, which map them over a socket;
// this one never touches them. Runs in the thread that serves.

import type { LedgerId, NativeKeptDataset, NativeRegionEvent, RegionId } from '@umap/native'
import type { StoreRef } from '@umap/store'
import { type Engine, loadEngine } from './engine-access.ts'
import { UmapError, umapErrorCodes } from './errors.ts'
import { storeLabel } from './host/store-label.ts'
import { toPlacedError, toUmapError } from './native-errors.ts'
import type { Access } from './options.ts'
import { PageBuffer } from './page-buffer.ts'
import { type RegionStats, regionStatsOf } from './region-stats.ts'
import { closeStore, leaseOrFail, type StoreLease } from './store-lease.ts'

/** What a server's region is opened from. */
export interface SharedRegionOptions {
  /** Of the data set. */
  readonly name: string
  readonly store: StoreRef
  readonly opensInCaller: boolean
  readonly access: Access
  readonly pageBytes: number
  readonly host: 'worker' | 'process'
  readonly readAheadPagesMax: number
  readonly buffer: PageBuffer
  /** Where its pages outlive this process. */
  readonly ledgerId?: LedgerId
  /** What the server before kept of the data set. */
  readonly kept?: NativeKeptDataset
}

/** A region that the clients of a server map. */
export interface SharedRegion {
  readonly name: string
  readonly id: RegionId
  readonly byteLength: number
  readonly pageBytes: number
  /** Names the store in messages. */
  readonly label: string
  stats(): RegionStats
  /**
   * Writes everything back, makes it durable, closes the store. Idempotent. REQUIRES: the server is
   * closed. Rejects with UMAP_STORE where the write-back fails; then it may be repeated.
   */
  close(): Promise<void>
}

/**
 * Opens the region of a data set. `onError` is called with each failure that has a place.
 *
 * Rejects with a `RangeError` that names the data set where the store, or what the server before
 * kept, does not fit; and with a {@link UmapError} as `umap()` does.
 */
export async function openSharedRegion(
  options: SharedRegionOptions,
  onError: (error: UmapError) => void,
): Promise<SharedRegion> {
  const engine = loadEngine()
  const store = await leaseOrFail(engine, options)
  try {
    const byteLength = chooseByteLength(options, store.byteLength)
    const id = openInEngine(engine, options, store, byteLength)
    return new ServedRegion(engine, options, store, { id, byteLength }, onError)
  } catch (error) {
    // What failed first is what the caller has to know.
    await store.close().catch(() => undefined)
    throw error
  }
}

// Clients go on with the length that they mapped, also where the store has grown meanwhile.
function chooseByteLength(options: SharedRegionOptions, storeBytes: number): number {
  const { name, access, pageBytes, kept } = options
  if (storeBytes === 0) {
    throw new RangeError(`datasets.${name}: its store, ${storeLabel(options.store)}, has no bytes`)
  }
  if (kept === undefined) return storeBytes
  const advice = 'end the server in order (SIGTERM) before that is changed'
  if (kept.pageBytes !== pageBytes) {
    throw new RangeError(
      `datasets.${name}.pageBytes is ${pageBytes}, but the server that died left pages of ` +
        `${kept.pageBytes} bytes, which clients still map: ${advice}`,
    )
  }
  if (kept.writable !== (access === 'read-write')) {
    throw new RangeError(
      `datasets.${name}.access is '${access}', but the server that died left pages that are ` +
        `${kept.writable ? 'read-write' : 'read-only'}: ${advice}`,
    )
  }
  if (kept.byteLength > storeBytes) {
    throw new RangeError(
      `datasets.${name}: its store has ${storeBytes} bytes, but the server that died left pages ` +
        `of ${kept.byteLength} bytes: the store must not become smaller`,
    )
  }
  return kept.byteLength
}

function openInEngine(
  { native }: Engine,
  options: SharedRegionOptions,
  store: StoreLease,
  byteLength: number,
): RegionId {
  try {
    return native.regionOpen({
      store: store.spec,
      writable: options.access === 'read-write',
      pageBytes: options.pageBytes,
      offset: 0,
      byteLength,
      bufferId: PageBuffer.idOf(options.buffer),
      readAheadPagesMax: options.readAheadPagesMax,
      faults: 'shared',
      datasetName: options.name,
      ...(options.ledgerId !== undefined && { ledgerId: options.ledgerId }),
    })
  } catch (error) {
    throw toUmapError(error, 'open', `cannot serve ${store.label}`)
  }
}

class ServedRegion implements SharedRegion {
  readonly name: string
  readonly id: RegionId
  readonly byteLength: number
  readonly pageBytes: number
  readonly label: string
  readonly #engine: Engine
  readonly #store: StoreLease
  readonly #ledgerId: LedgerId | undefined
  readonly #subscription: number
  #closing: Promise<void> | undefined
  #lastStats: RegionStats | undefined

  constructor(
    engine: Engine,
    options: SharedRegionOptions,
    store: StoreLease,
    opened: { readonly id: RegionId; readonly byteLength: number },
    onError: (error: UmapError) => void,
  ) {
    this.name = options.name
    this.id = opened.id
    this.byteLength = opened.byteLength
    this.pageBytes = options.pageBytes
    this.label = store.label
    this.#engine = engine
    this.#store = store
    this.#ledgerId = options.ledgerId
    this.#subscription = engine.native.regionSubscribe(this.id, (event) => tell(event, onError))
  }

  stats(): RegionStats {
    return this.#lastStats ?? regionStatsOf(this.#engine.native.regionStats(this.id))
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeNow()
    return this.#closing
  }

  async #closeNow(): Promise<void> {
    const { native } = this.#engine
    const lastStats = this.stats()
    try {
      await native.regionClose(this.id)
    } catch (error) {
      this.#closing = undefined
      throw toUmapError(error, 'close', `data set '${this.name}'`)
    }
    this.#lastStats = lastStats
    native.regionUnsubscribe(this.id, this.#subscription)
    if (this.#ledgerId !== undefined) {
      native.ledgerDropDataset(this.#ledgerId, this.name)
    }
    await closeStore(this.#store)
  }
}

function tell(event: NativeRegionEvent, onError: (error: UmapError) => void): void {
  const { kind, error, offset, byteLength } = event
  if (error !== undefined && (kind === 'fill' || kind === 'write-back')) {
    onError(toPlacedError(error, { operation: kind, offset, byteLength }))
  }
}

/** Throws where this process can serve nothing: no engine, or one without server mode. */
export function checkCanServe({ native }: Engine): void {
  if (typeof native.serverOpen !== 'function') {
    throw new UmapError('this build of @umap/native has no server mode: it is for Linux', {
      code: umapErrorCodes.unsupported,
    })
  }
}

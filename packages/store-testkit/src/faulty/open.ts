// The two forms of a faulty store: around an open store, and around a reference that is opened
// elsewhere. The second module function, openStore, runs in the store host.

import {
  type OpenStoreContext,
  openStoreRef,
  type PageStore,
  resolveStoreRef,
  type StoreRef,
  type StoreSource,
  storeRef,
} from '@umap/store'
import { allocateFaultControl, FaultControl } from './fault-control.ts'
import {
  type CheckedFaultOptions,
  checkFaultOptions,
  type FaultyStoreOptions,
} from './fault-options.ts'
import { FaultyStore } from './faulty-store.ts'

/** The options inside of the reference to a faulty store. */
export interface FaultyStoreRefOptions {
  readonly store: StoreRef
  readonly faults: CheckedFaultOptions
  /** Memory of the {@link FaultControl}. */
  readonly control: SharedArrayBuffer
}

/**
 * Puts faults in front of an open store, or of a reference to one.
 *
 * Which calls meet one follows from `options.seed` (or `script`) and the number of the call alone,
 * so a run repeats exactly as long as its calls come in the same order. {@link faultControl} has
 * the switches and the report. A reference holds shared memory for them, and so it stays within
 * this process.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function faultyStore(inner: PageStore, options: FaultyStoreOptions): FaultyStore
export function faultyStore(
  inner: StoreSource,
  options: FaultyStoreOptions,
): StoreRef<FaultyStoreRefOptions>
export function faultyStore(
  inner: PageStore | StoreSource,
  options: FaultyStoreOptions,
): FaultyStore | StoreRef<FaultyStoreRefOptions> {
  const faults = checkFaultOptions(options)
  const control = allocateFaultControl()
  if ('read' in inner) {
    return new FaultyStore(inner, faults, new FaultControl(control))
  }
  // Without nativeFd: an engine that opened the inner store itself would meet no faults.
  const { url, exportName, options: innerOptions } = resolveStoreRef(inner)
  const ref = { url, exportName, options: innerOptions }
  return storeRef(new URL(import.meta.url), { store: ref, faults, control })
}

/** The switches and the report of a faulty store, in either form. */
export function faultControl(store: FaultyStore | StoreRef<FaultyStoreRefOptions>): FaultControl {
  return store instanceof FaultyStore ? store.control : new FaultControl(store.options.control)
}

/** Opens the store that a reference of {@link faultyStore} names, and the one in it. */
export async function openStore(
  options: FaultyStoreRefOptions,
  context: OpenStoreContext = {},
): Promise<FaultyStore> {
  const inner = await openStoreRef(options.store, context)
  return new FaultyStore(inner, options.faults, new FaultControl(options.control))
}

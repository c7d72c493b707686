// What all layers have in common: a store that hands its calls on, and a reference that holds the
// reference of the store below. Any thread.

import { openStoreRef } from '../open-store-ref.ts'
import type {
  OpenStoreContext,
  PageStore,
  ReadResult,
  StoreCallOptions,
  StoreCapabilities,
} from '../page-store.ts'
import { resolveStoreRef, type StoreRef, type StoreSource, storeRef } from '../store-ref.ts'

/** Options inside the reference of a layer: its own, beside the reference of the store below. */
export type LayerRefOptions<O> = O & {
  /** The store below. */
  readonly store: StoreSource
}

/** Which function of a store is called. */
export type StoreOp = 'read' | 'write' | 'flush' | 'discard'

/** One call on a store, as a layer sees it. */
export interface LayerCall {
  readonly op: StoreOp
  /** In bytes; 0 for a flush, as is `byteLength`. */
  readonly offset: number
  readonly byteLength: number
  /** What `read` and `write` were given. */
  readonly options?: StoreCallOptions
}

/** Does something before, after or instead of `proceed`, which calls the store below. */
export type Around = (call: LayerCall, proceed: () => unknown) => unknown

/** How a layer differs from the store below. */
export interface LayerParts {
  readonly around: Around
  readonly close: () => Promise<void> | void
  readonly capabilities?: Partial<StoreCapabilities>
}

/**
 * A store that hands every call to `inner` through `around`. It has the functions that `inner` has,
 * and its version.
 */
export function layerStore(inner: PageStore, parts: LayerParts): PageStore {
  const { around, close } = parts
  return {
    byteLength: inner.byteLength,
    capabilities: layerCapabilities(inner, parts.capabilities),
    get version() {
      return inner.version
    },
    read: (offset, target, options) =>
      around({ op: 'read', offset, byteLength: target.byteLength, options }, () =>
        inner.read(offset, target, options),
      ) as ReadResult,
    ...(inner.write !== undefined && {
      write: (offset: number, source: Uint8Array, options: StoreCallOptions) =>
        around({ op: 'write', offset, byteLength: source.byteLength, options }, () =>
          inner.write?.(offset, source, options),
        ) as Promise<void> | void,
    }),
    ...(inner.flush !== undefined && {
      flush: () =>
        around({ op: 'flush', offset: 0, byteLength: 0 }, () =>
          inner.flush?.(),
        ) as Promise<void> | void,
    }),
    ...(inner.discard !== undefined && {
      discard: (offset: number, byteLength: number) =>
        around({ op: 'discard', offset, byteLength }, () =>
          inner.discard?.(offset, byteLength),
        ) as Promise<void> | void,
    }),
    close,
  }
}

/**
 * The capabilities of a layer over `inner`: its own, with `changes`, and without the descriptor, on
 * which the engine would do the I/O past the layer.
 */
export function layerCapabilities(
  inner: PageStore,
  changes: Partial<StoreCapabilities> = {},
): StoreCapabilities {
  const { nativeFd: _fd, nativeDirect: _direct, ...rest } = inner.capabilities
  return Object.freeze({ ...rest, ...changes })
}

/**
 * A reference to a layer. The module of the store below is found now, as its own `parent` finds it,
 * so that a mistake fails at the caller's line.
 */
export function layerRef<O extends object>(
  moduleUrl: string,
  source: StoreSource,
  options: O,
): StoreRef<LayerRefOptions<O>> {
  const store = resolveStoreRef(source)
  return storeRef(new URL(moduleUrl), { ...options, store })
}

/** Opens the store below, and gives it to `wrap`; closes it where that fails. */
export async function openLayer<T extends PageStore>(
  source: StoreSource,
  context: OpenStoreContext | undefined,
  wrap: (inner: PageStore) => T | Promise<T>,
): Promise<T> {
  const inner = await openStoreRef(source, context)
  try {
    return await wrap(inner)
  } catch (error) {
    await Promise.resolve(inner.close()).catch(() => undefined)
    throw error
  }
}

/** Splits the options of a layer's reference, as a configuration file may have written them. */
export function splitLayerOptions<O>(
  layer: string,
  options: LayerRefOptions<O>,
): { store: StoreSource; own: Omit<LayerRefOptions<O>, 'store'> } {
  if (options === null || typeof options !== 'object' || !('store' in options)) {
    throw new TypeError(`${layer} takes an object with store, the store below`)
  }
  const { store, ...own } = options
  return { store, own }
}

// The layer that keeps what it read from a slow store in a local file, bounded and over restarts.
// The public face; what it is made of is in `cache/`. Any thread that runs stores.

import type { OpenStoreContext, PageStore } from '../page-store.ts'
import type { StoreRef, StoreSource } from '../store-ref.ts'
import { type CacheRuntime, type CacheStore, openCache } from './cache/open-cache.ts'
import { type CacheOptions, checkCacheOptions } from './cache/options.ts'
import { type LayerRefOptions, layerRef, openLayer, splitLayerOptions } from './layer.ts'

export type { CacheRuntime, CacheStore } from './cache/open-cache.ts'
export type { CacheOptions } from './cache/options.ts'
export type { CacheStats } from './cache/stats.ts'

/**
 * A reference to `source` with a cache in a local file before it.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function cache(
  source: StoreSource,
  options: CacheOptions,
): StoreRef<LayerRefOptions<CacheOptions>> {
  checkCacheOptions(options)
  return layerRef(import.meta.url, source, options)
}

/**
 * `store` with a cache in a local file before it. Blocks are kept with a checksum and read again
 * from `store` where it does not hold; the file is believed only for the `version` and `byteLength`
 * that `store` has. Writes go to `store` first and are durable when its `flush` says so.
 *
 * A file that another opening uses, in any process, is left alone: the store runs without it, and
 * `stats().uncached` says why. A full disk costs the cache, never a read.
 *
 * Rejects with 'STORE_UNSUPPORTED' where `store` has no version and `trust` asks for one, with
 * 'STORE_INVALID' where the file is something else, and with the system's code where it cannot be
 * opened. `store` stays open then.
 */
export async function cacheStore(
  store: PageStore,
  options: CacheOptions,
  context: OpenStoreContext = {},
  runtime: CacheRuntime = {},
): Promise<CacheStore> {
  return await openCache(store, checkCacheOptions(options), context, runtime)
}

/** Opens what {@link cache} refers to. */
export async function openStore(
  options: LayerRefOptions<CacheOptions>,
  context: OpenStoreContext = {},
): Promise<CacheStore> {
  const { store, own } = splitLayerOptions('cache', options)
  checkCacheOptions(own)
  return await openLayer(store, context, (inner) => cacheStore(inner, own, context))
}

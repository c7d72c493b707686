// `@umap/store`: the contract of stores, references to them, their errors, the memory store, and the
// layers that wrap any store.

export { deserializeError, type SerializedError, serializeError } from './error-transfer.ts'
export {
  type CacheOptions,
  type CacheRuntime,
  type CacheStats,
  type CacheStore,
  cache,
  cacheStore,
} from './layers/cache.ts'
export type { LayerRefOptions } from './layers/layer.ts'
export { type RetryOptions, retry, retryStore } from './layers/retry.ts'
export { type LayerRuntime, systemRuntime } from './layers/runtime.ts'
export { type ThrottleOptions, throttle, throttleStore } from './layers/throttle.ts'
export { type TimeoutOptions, timeout, timeoutStore } from './layers/timeout.ts'
export { type TraceOptions, type TraceRecord, trace, traceStore } from './layers/trace.ts'
export {
  type MemoryStore,
  type MemoryStoreOptions,
  type MemoryStoreRefOptions,
  memoryStore,
  memoryStoreGranuleBytes,
  openStore,
} from './memory-store.ts'
export { checkPageStore, openStoreRef } from './open-store-ref.ts'
export type {
  OpenStore,
  OpenStoreContext,
  PageStore,
  ReadResult,
  StoreAccess,
  StoreCallOptions,
  StoreCapabilities,
} from './page-store.ts'
export {
  isRetryable,
  isRetryableCode,
  StoreError,
  type StoreErrorCode,
  type StoreErrorOptions,
  storeErrorCodes,
} from './store-error.ts'
export {
  resolveStoreRef,
  type StoreModule,
  type StoreRef,
  type StoreSource,
  storeRef,
} from './store-ref.ts'

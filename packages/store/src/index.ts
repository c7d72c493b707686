// `@umap/store`: the contract of stores, references to them, their errors, and the memory store.

export { deserializeError, type SerializedError, serializeError } from './error-transfer.ts'
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

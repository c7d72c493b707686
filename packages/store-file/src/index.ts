// `@umap/store-file`: a store over one local file.

export type { FileStore } from './file-store.ts'
export { fileStore, openStore } from './open.ts'
export type { FileStoreOptions, FileStoreRefOptions } from './options.ts'

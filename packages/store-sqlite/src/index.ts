// `@umap/store-sqlite`: a store whose pages are rows of an SQLite database.

export { sqliteErrorCodes } from './errors.ts'
export { openStore, sqliteStore } from './open.ts'
export type { SqliteStoreOptions, SqliteStoreRefOptions } from './options.ts'
export type { SqliteStore } from './sqlite-store.ts'

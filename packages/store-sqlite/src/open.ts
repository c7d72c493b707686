// The factory of references to data sets, and the function that opens one. Opening runs wherever
// the store runs: in a store host, or in the program itself.

import { type OpenStoreContext, type StoreRef, storeRef } from '@umap/store'
import { openDataSet } from './open-database.ts'
import { checkOptions, type SqliteStoreOptions, type SqliteStoreRefOptions } from './options.ts'
import { SqliteStore } from './sqlite-store.ts'

/**
 * A reference to a data set in an SQLite database. The path is made absolute at once; the database
 * is looked at when the reference is opened.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function sqliteStore(options: SqliteStoreOptions): StoreRef<SqliteStoreRefOptions> {
  return storeRef(new URL(import.meta.url), checkOptions(options))
}

/**
 * Opens a data set as a store: the {@link OpenStore} of `@umap/store-sqlite`.
 *
 * Rejects with a {@link StoreError} that names the file; the README lists its codes.
 */
export async function openStore(
  options: SqliteStoreOptions,
  context: OpenStoreContext = {},
): Promise<SqliteStore> {
  const opened = await openDataSet(checkOptions(options), context)
  try {
    return new SqliteStore(opened)
  } catch (error) {
    opened.connection.close()
    opened.lock?.release()
    throw error
  }
}

// The factory of references to files, and the function that opens one. Opening runs wherever the
// store runs: in a store host, or in the program itself.

import { type OpenStoreContext, type StoreRef, storeRef } from '@umap/store'
import { FileStore } from './file-store.ts'
import { openFile } from './open-file.ts'
import { checkOptions, type FileStoreOptions, type FileStoreRefOptions } from './options.ts'

/**
 * A reference to a local file as a store. The path is made absolute at once; the file itself is
 * looked at when the reference is opened.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function fileStore(options: FileStoreOptions): StoreRef<FileStoreRefOptions> {
  const ref = storeRef(new URL(import.meta.url), checkOptions(options))
  return Object.freeze({ ...ref, nativeFd: true as const })
}

/**
 * Opens a file as a store: the {@link OpenStore} of `@umap/store-file`.
 *
 * Rejects with a {@link StoreError} that names the file: with the errno name as its code where the
 * system refused ('ENOENT', 'EACCES'), 'STORE_SIZE' where the file has not the size asked for,
 * 'STORE_UNSUPPORTED' where it is no regular file.
 */
export async function openStore(
  options: FileStoreOptions,
  context: OpenStoreContext = {},
): Promise<FileStore> {
  const file = await openFile(checkOptions(options), context.access)
  return new FileStore(file.handle, file)
}

// The factory of references to objects and data sets in S3, and the function that opens one. The
// factory loads nothing heavy; the SDK is imported where the store is opened, in the store host.

import { type OpenStoreContext, type PageStore, type StoreRef, storeRef } from '@umap/store'
import { checkOptions, type S3StoreOptions, type S3StoreRefOptions } from './options.ts'

/**
 * A reference to one object (`key`, read-only) or to a data set (`prefix`, writable) in a bucket.
 * The server is asked when the reference is opened.
 *
 * Throws a `TypeError` or `RangeError` that names the option, and a `StoreError` with the code
 * 'STORE_MODULE' where `client.module` cannot be found.
 */
export function s3Store(options: S3StoreOptions): StoreRef<S3StoreRefOptions> {
  return storeRef(new URL(import.meta.url), checkOptions(options))
}

/**
 * Opens an object or a data set as a store: the {@link OpenStore} of `@umap/store-s3`.
 *
 * Rejects with a {@link StoreError}: 'S3_NOT_FOUND', 'S3_ACCESS_DENIED', 'S3_CREDENTIALS',
 * 'STORE_READ_ONLY' where an object is to be written, 'STORE_SIZE' where the size is not the one
 * asked for, an errno name or 'S3_TIMEOUT' where the server cannot be reached.
 */
export async function openStore(
  options: S3StoreOptions,
  context: OpenStoreContext = {},
): Promise<PageStore> {
  const { bucket, key, prefix, client, ...others } = checkOptions(options)
  const { openS3Access } = await import('./s3-access.ts')
  const s3 = await openS3Access(bucket, client)
  try {
    if (key !== undefined) {
      const { openObject } = await import('./open-object.ts')
      return await openObject(s3, { ...others, key }, context)
    }
    const { openDataset } = await import('./dataset/dataset.ts')
    return await openDataset(s3, { ...others, prefix: prefix ?? '' }, context)
  } catch (error) {
    s3.close()
    throw error
  }
}

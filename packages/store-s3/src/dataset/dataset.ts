// Opens the writable data set under a prefix. Runs in the store host.

import { type OpenStoreContext, type PageStore, StoreError, storeErrorCodes } from '@umap/store'
import type { S3Access } from '../s3-access.ts'

/** What a data set is asked to be. */
export interface DatasetOptions {
  readonly prefix: string
  readonly create?: boolean
  readonly byteLength?: number
  readonly chunkBytes?: number
}

/** Opens the data set `options.prefix` in the bucket of `s3`, which its `close` closes. */
export async function openDataset(
  s3: S3Access,
  options: DatasetOptions,
  _context: OpenStoreContext,
): Promise<PageStore> {
  throw new StoreError(`${s3.bucket}/${options.prefix}: data sets cannot be opened yet`, {
    code: storeErrorCodes.unsupported,
  })
}

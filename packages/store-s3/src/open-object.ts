// Opens one existing object as a read-only store: pins its version, and checks what was asked for.
// Runs in the store host.

import { type OpenStoreContext, StoreError, storeErrorCodes } from '@umap/store'
import { s3ErrorCodes } from './errors.ts'
import { ObjectStore } from './object-store.ts'
import type { S3Access } from './s3-access.ts'

// A region in use waits for a server that is away. A wrong endpoint looks the same, and whoever has
// just typed one wants to know.
const openTimeoutMs = 10_000

/** What an object is asked to be. */
export interface ObjectOptions {
  readonly key: string
  /** Size that it must have. */
  readonly byteLength?: number
}

/** Opens the object `options.key` in the bucket of `s3`, which the store's `close` closes. */
export async function openObject(
  s3: S3Access,
  options: ObjectOptions,
  context: OpenStoreContext,
): Promise<ObjectStore> {
  const name = `${s3.bucket}/${options.key}`
  if (context.access === 'read-write') {
    throw new StoreError(`${name} is an object, which can only be read: write to a prefix`, {
      code: storeErrorCodes.readOnly,
    })
  }
  const facts = await s3.head(options.key, { retryTimeoutMs: openTimeoutMs })
  if (facts === undefined) {
    throw new StoreError(`there is no object ${name}`, { code: s3ErrorCodes.notFound })
  }
  if (facts.etag.startsWith('W/')) {
    throw new StoreError(`${name} has a weak ETag, by which no version can be told from another`, {
      code: storeErrorCodes.unsupported,
    })
  }
  const { byteLength } = options
  if (byteLength !== undefined && byteLength !== facts.byteLength) {
    throw new StoreError(`${name} has ${facts.byteLength} bytes, not ${byteLength}`, {
      code: storeErrorCodes.size,
    })
  }
  return new ObjectStore(s3, { key: options.key, ...facts })
}

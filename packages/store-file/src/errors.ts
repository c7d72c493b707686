// Failures of the file system as StoreErrors. The code stays what the system called it.

import { isRetryableCode, StoreError, storeErrorCodes } from '@umap/store'

/**
 * The failure of a file system call as a {@link StoreError}: `doing` says what was tried, the code
 * is the errno name, and `retryable` follows from it.
 */
export function toStoreError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) {
    return error
  }
  const code = errnoName(error)
  return new StoreError(`cannot ${doing}: ${messageOf(error)}`, {
    code,
    retryable: isRetryableCode(code),
    cause: error,
  })
}

/**
 * A flush that failed, never retryable: the kernel forgets pages that it could not write, so that
 * the next fdatasync() would succeed though their bytes are lost (fsync(2), errors).
 */
export function toFlushError(error: unknown, path: string): StoreError {
  return new StoreError(`cannot make ${path} durable: ${messageOf(error)}`, {
    code: errnoName(error),
    cause: error,
  })
}

/** The name of a system error ('ENOENT'), 'STORE_UNKNOWN' for anything else. */
export function errnoName(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : storeErrorCodes.unknown
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

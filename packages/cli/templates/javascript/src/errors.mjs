// Failures of the back end as StoreErrors: a code that never changes its meaning, and whether the
// same call may succeed later with nothing changed by the program.

import { isRetryableCode, StoreError, storeErrorCodes } from '@umap/store'

/** What the file system threw, as a {@link StoreError}; `doing` says what was tried. */
export function toStoreError(error, doing) {
  if (error instanceof StoreError) {
    return error
  }
  const code = errorCode(error)
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(`cannot ${doing}: ${message}`, {
    code,
    retryable: isRetryableCode(code),
    cause: error,
  })
}

/** The name of a system error ('ENOENT'), 'STORE_UNKNOWN' for anything else. */
export function errorCode(error) {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : storeErrorCodes.unknown
}

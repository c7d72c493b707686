// Failures that only data sets have, as StoreErrors with stable codes. None of them is retryable:
// the same call on the same opening ends in the same way.

import { StoreError, storeErrorCodes } from '@umap/store'
import { s3ErrorCodes } from '../errors.ts'

/** Codes of data sets, beside those of `s3ErrorCodes`. A code never changes its meaning. */
export const datasetErrorCodes = {
  /** An object is damaged, or is missing though the current manifest names it. */
  corrupt: 'S3_CORRUPT',
  /** The state that was opened is no longer kept: its chunks were collected. */
  versionGone: 'S3_VERSION_GONE',
} as const

/** Another writer was first; the data set is as `current` says. */
export function conflictError(
  where: string,
  opened: string,
  current: string | undefined,
): StoreError {
  const now = current === undefined ? 'its manifest is gone' : `it is at ${current} now`
  return new StoreError(
    `another writer has changed ${where}, opened at ${opened}: ${now}. Nothing was overwritten; ` +
      'what was written here can still be read here, and be copied to another store',
    { code: s3ErrorCodes.conflict },
  )
}

/** Bytes that are not what was written. */
export function corruptError(message: string, cause?: unknown): StoreError {
  return new StoreError(message, {
    code: datasetErrorCodes.corrupt,
    ...(cause !== undefined && { cause }),
  })
}

/** The state `opened` lost a chunk to the collection of garbage. */
export function versionGoneError(where: string, opened: string): StoreError {
  return new StoreError(
    `the state ${opened} of ${where} is no longer kept: a writer has replaced it, and its chunks ` +
      'were collected. Open the data set again; a longer readerGraceMs of the writer keeps ' +
      'earlier states for longer',
    { code: datasetErrorCodes.versionGone },
  )
}

/** What a dead host had staged cannot be found. */
export function lostStagingError(where: string, directory: string): StoreError {
  return new StoreError(
    `what was written to ${where} and not flushed is gone: there is no trace of it in ${directory}`,
    { code: storeErrorCodes.flushLost },
  )
}

/** There is nothing to open. */
export function noDatasetError(where: string): StoreError {
  return new StoreError(`there is no data set at ${where}; create: true makes one`, {
    code: s3ErrorCodes.notFound,
  })
}

/** The server cannot be written to safely. */
export function unconditionalServerError(where: string, what: string): StoreError {
  return new StoreError(
    `the server of ${where} ${what}, so two writers could overwrite each other unseen. Use a ` +
      'server with conditional writes (AWS S3, MinIO, Ceph from Reef on), open the data set ' +
      "with access: 'read-only', or copy it to another store",
    { code: storeErrorCodes.unsupported },
  )
}

// One writer for each data set: an exclusive lock of SQLite's on an empty file beside the database.
// The operating system releases it when the process ends, and SQLite when a worker does. Runs in
// the store host.

import { chmodSync, chownSync, statSync } from 'node:fs'
import { StoreError } from '@umap/store'
import { type Connection, openLock, takeLock, whileBusy } from './connection.ts'
import { isBusy, sqliteErrorCodes, toStoreError } from './errors.ts'

/** For the writer before us to finish its closing; nobody waits for one that goes on working. */
const waitMs = 1000

/** A lock that is held until `release`. */
export interface WriterLock {
  release(): void
}

/**
 * Takes the lock on data set `id` of the database `file`, an absolute path without links.
 *
 * Rejects with a `StoreError` 'SQLITE_WRITER', retryable, where somebody else holds it.
 */
export async function lockForWriting(file: string, id: number, label: string): Promise<WriterLock> {
  const lockFile = `${file}-writer-${id}`
  const isNew = statSync(lockFile, { throwIfNoEntry: false }) === undefined
  let connection: Connection | undefined
  try {
    connection = openLock(lockFile)
    if (isNew) {
      shareWithOwner(file, lockFile)
    }
    const opened = connection
    await whileBusy(() => takeLock(opened), waitMs)
    return { release: () => opened.close() }
  } catch (error) {
    connection?.close()
    if (isBusy(error)) {
      throw new StoreError(`${label} is open for writing already; one writer at a time`, {
        code: sqliteErrorCodes.writer,
        retryable: true,
        cause: error,
      })
    }
    throw toStoreError(error, `lock ${label} for writing with ${lockFile}`)
  }
}

// As SQLite does with its own files beside the database: whoever may write the one may write the
// other. By name, for to open and close the file here would give up locks of this process.
function shareWithOwner(file: string, lockFile: string): void {
  try {
    const { mode, uid, gid } = statSync(file)
    chmodSync(lockFile, mode & 0o777)
    chownSync(lockFile, uid, gid)
  } catch {
    // Only root may give a file away; then it is ours, and good enough for us.
  }
}

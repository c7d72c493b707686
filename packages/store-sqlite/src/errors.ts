// Failures of SQLite as StoreErrors. What the operating system has a name for gets that name; the
// rest keeps SQLite's result code (https://www.sqlite.org/rescode.html) or gets one of ours.

import { isRetryableCode, StoreError, storeErrorCodes } from '@umap/store'

/** Codes of this store beside those of `@umap/store`. A code never changes its meaning. */
export const sqliteErrorCodes = {
  /** Another connection held the database's write lock for longer than the store waits. */
  busy: 'SQLITE_BUSY',
  /** A read-only store's data set was flushed by others while its host died: a mix is refused. */
  changed: 'SQLITE_CHANGED',
  /** A page's bytes are not those that were written. */
  checksum: 'SQLITE_CHECKSUM',
  /** The database contradicts itself. */
  corrupt: 'SQLITE_CORRUPT',
  /** The file holds no data set of this name. */
  noDataSet: 'SQLITE_NO_DATA_SET',
  /** The file is no SQLite database. */
  notDatabase: 'SQLITE_NOTADB',
  /** The store's host died, and another writer came before it was back: unflushed bytes are lost. */
  sessionLost: 'SQLITE_SESSION_LOST',
  /** Another store object, here or in another process, writes this data set. */
  writer: 'SQLITE_WRITER',
} as const

const codesBySqlite: Readonly<Record<string, string>> = {
  SQLITE_BUSY: sqliteErrorCodes.busy,
  SQLITE_LOCKED: sqliteErrorCodes.busy,
  SQLITE_PROTOCOL: sqliteErrorCodes.busy,
  SQLITE_FULL: 'ENOSPC',
  SQLITE_IOERR: 'EIO',
  SQLITE_NOMEM: 'ENOMEM',
  SQLITE_READONLY: storeErrorCodes.readOnly,
}

/**
 * What `error` of better-sqlite3 is to the engine: `doing` says what was tried. A
 * {@link StoreError} comes back as it is.
 */
export function toStoreError(error: unknown, doing: string): StoreError {
  if (error instanceof StoreError) {
    return error
  }
  const sqliteCode = errorCode(error)
  const code = codesBySqlite[primaryCode(sqliteCode)] ?? primaryCode(sqliteCode)
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(`cannot ${doing}: ${message} (${sqliteCode})`, {
    code,
    retryable: code === sqliteErrorCodes.busy || isRetryableCode(code),
    cause: error,
  })
}

/** Whether another connection is in the way, so that waiting helps. */
export function isBusy(error: unknown): boolean {
  return codesBySqlite[primaryCode(errorCode(error))] === sqliteErrorCodes.busy
}

/**
 * Whether the system failed to make bytes durable. The kernel forgets what it could not write, so
 * a second attempt would succeed over lost bytes (fsync(2), errors).
 */
export function isLostSync(error: unknown): boolean {
  return /^SQLITE_IOERR_(DIR_)?FSYNC$/.test(errorCode(error))
}

/** SQLite's extended result code or the system's errno name, 'STORE_UNKNOWN' for anything else. */
export function errorCode(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : storeErrorCodes.unknown
}

// 'SQLITE_IOERR' of 'SQLITE_IOERR_WRITE'. No primary code has a second underscore.
function primaryCode(code: string): string {
  return code.startsWith('SQLITE_') ? code.split('_', 2).join('_') : code
}

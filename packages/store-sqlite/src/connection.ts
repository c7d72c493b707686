// Connections to SQLite as this store wants them: how long they wait, how much they keep in memory,
// when the log is carried over. The only module that loads better-sqlite3. Runs in the store host.

import './check-node.ts'
import { StoreError, storeErrorCodes } from '@umap/store'
import Database from 'better-sqlite3'
import { isBusy } from './errors.ts'

/** An open database of better-sqlite3. */
export type Connection = Database.Database
/** A prepared statement. */
export type Statement<Parameters extends unknown[], Row> = Database.Statement<Parameters, Row>

/** Bytes of one page of a database that is made. Chosen by measurement: decision 0011. */
const databasePageBytes = 16 * 1024
/** The log is carried over into the database when it is longer than this, in steps of a flush. */
const checkpointBytes = 16 * 2 ** 20
/** A log that readers held up is cut back to this once they are gone. */
const logBytesKept = 64 * 2 ** 20
const cacheBytes = 16 * 2 ** 20
/** SQLite's own waiting blocks the thread and with it all other stores of the host, so it is short. */
const blockingWaitMs = 50

/** Opens a connection for reading. It makes no file, save the log's index where that is needed. */
export function openReader(file: string): Connection {
  return configure(
    new Database(file, { readonly: true, fileMustExist: true, timeout: blockingWaitMs }),
  )
}

/** Opens a connection for writing. `create`: makes an empty file where there is none. */
export function openWriter(file: string, create: boolean): Connection {
  return configure(new Database(file, { fileMustExist: !create, timeout: blockingWaitMs }))
}

/** A connection whose only purpose is {@link takeLock} on `file`, which is made where needed. */
export function openLock(file: string): Connection {
  return new Database(file, { timeout: 0 })
}

/**
 * Takes the lock on the file of `connection`, which stays empty, or throws that it is busy. The
 * system gives the lock back when the process ends, however it ends.
 */
export function takeLock(connection: Connection): void {
  // A lock would make a journal beside the file, though nothing is ever written.
  connection.pragma('journal_mode = MEMORY')
  connection.exec('BEGIN EXCLUSIVE')
}

/** Turns the write-ahead log on, which the database remembers. Not inside a transaction. */
export function useWriteAheadLog(connection: Connection): void {
  // Without effect where the database has pages already.
  connection.pragma(`page_size = ${databasePageBytes}`)
  const mode = connection.pragma('journal_mode = WAL', { simple: true })
  if (mode !== 'wal') {
    throw new StoreError(
      `${connection.name} cannot have a write-ahead log: SQLite keeps to '${mode}' on this file system`,
      { code: storeErrorCodes.unsupported },
    )
  }
  const pageBytes = connection.pragma('page_size', { simple: true }) as number
  connection.pragma(`wal_autocheckpoint = ${Math.ceil(checkpointBytes / pageBytes)}`)
  connection.pragma(`journal_size_limit = ${logBytesKept}`)
  // What is staged need not be durable. A flush asks for more (PageTable.flush).
  connection.pragma('synchronous = NORMAL')
}

/**
 * Calls `attempt` until it returns, for as long as others keep the database busy; then its error is
 * thrown. Waits without blocking the thread. Rejects with `signal.reason` once that is aborted.
 */
export async function whileBusy<T>(
  attempt: () => T,
  waitMs: number,
  signal?: AbortSignal,
): Promise<T> {
  const end = performance.now() + waitMs
  for (let delayMs = 2; ; delayMs = Math.min(2 * delayMs, 50)) {
    signal?.throwIfAborted()
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= end) {
        throw error
      }
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs))
  }
}

function configure(connection: Connection): Connection {
  try {
    connection.pragma(`cache_size = ${-cacheBytes / 1024}`)
    // Elsewhere than on macOS, where fsync() does not reach the disk, these do nothing.
    connection.pragma('fullfsync = ON')
    connection.pragma('checkpoint_fullfsync = ON')
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

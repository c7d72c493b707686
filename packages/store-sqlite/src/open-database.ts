// Makes, grows and opens a data set in its database, and refuses what is neither. Runs once
// for each opening, in the thread that runs the store.

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type OpenStoreContext, StoreError, storeErrorCodes } from '@umap/store'
import {
  type Connection,
  openReader,
  openWriter,
  useWriteAheadLog,
  whileBusy,
} from './connection.ts'
import { errorCode, sqliteErrorCodes, toStoreError } from './errors.ts'
import { findFile, wantsToWrite } from './find-file.ts'
import { defaultName, defaultPageBytes, type SqliteStoreRefOptions } from './options.ts'
import { checkSchema, createSchema } from './schema.ts'
import { lockForWriting, type WriterLock } from './writer-lock.ts'

/** A row of umap_data_set. */
export interface DataSet {
  readonly id: number
  readonly name: string
  readonly byteLength: number
  readonly pageBytes: number
  readonly version: string
  readonly session: string | null
}

/** A data set that is open for what was asked. */
export interface OpenedDataSet {
  readonly connection: Connection
  readonly dataSet: DataSet
  /** What errors call it. */
  readonly label: string
  /** There for a writer only. */
  readonly lock?: WriterLock
}

/** How long an opening waits for others to finish a transaction. */
const busyWaitMs = 5000

const selectDataSet = `SELECT id, name, byte_length AS byteLength, page_bytes AS pageBytes,
  version, session FROM umap_data_set WHERE name = ?`

/** Opens the data set, made or grown first where the options ask for it. `context` as in the contract. */
export async function openDataSet(
  options: SqliteStoreRefOptions,
  context: OpenStoreContext,
): Promise<OpenedDataSet> {
  const file = findFile(options)
  try {
    if (options.create === true) {
      await prepare(options, file)
    }
    return wantsToWrite(file, context)
      ? await openForWriting(options, file, context)
      : await openForReading(options, file, context)
  } catch (error) {
    throw explain(error, options)
  }
}

function explain(error: unknown, options: SqliteStoreRefOptions): StoreError {
  const { path: file } = options
  const failure = toStoreError(error, `open ${labelOf(options)}`)
  if (failure.code === sqliteErrorCodes.notDatabase) {
    return new StoreError(`${file} is no SQLite database, or an encrypted one`, {
      code: failure.code,
      cause: error,
    })
  }
  // A database whose last user closed it has no index of its log, and cannot be read without one.
  if (/^SQLITE_(CANTOPEN|READONLY_(CANTINIT|DIRECTORY|RECOVERY))/.test(errorCode(error))) {
    return new StoreError(
      `${file} cannot be opened here: a database with a write-ahead log needs its -wal and -shm ` +
        'files, or a directory in which they can be made; copy it to one, or turn the log off ' +
        "there first (sqlite3 FILE 'PRAGMA journal_mode = DELETE')",
      { code: 'EACCES', cause: error },
    )
  }
  return failure
}

/** Makes the tables, the data set or its new end, whichever is missing. */
async function prepare(options: SqliteStoreRefOptions, file: string): Promise<void> {
  const { byteLength } = options
  const found = existsSync(file) ? await lookAt(options, file) : undefined
  if (byteLength === undefined || (found !== undefined && found.byteLength >= byteLength)) {
    return
  }
  const connection = openWriter(file, true)
  let lock: WriterLock | undefined
  try {
    if (found !== undefined) {
      lock = await lockForWriting(file, found.id, labelOf(options))
    }
    await whileBusy(() => makeOrGrow(connection, options, byteLength, file), busyWaitMs)
  } finally {
    connection.close()
    lock?.release()
  }
}

async function lookAt(options: SqliteStoreRefOptions, file: string): Promise<DataSet | undefined> {
  const connection = openReader(file)
  try {
    return await whileBusy(() => {
      const isReady = checkSchema(connection, file) === 'ready'
      return isReady
        ? connection.prepare<[string], DataSet>(selectDataSet).get(nameOf(options))
        : undefined
    }, busyWaitMs)
  } finally {
    connection.close()
  }
}

function makeOrGrow(
  connection: Connection,
  options: SqliteStoreRefOptions,
  byteLength: number,
  file: string,
): void {
  // Before anything is written, so that a foreign database stays as it is.
  checkSchema(connection, file)
  useWriteAheadLog(connection)
  connection.pragma('synchronous = FULL')
  connection
    .transaction(() => {
      if (checkSchema(connection, file) === 'empty') {
        createSchema(connection)
      }
      const { name, pageBytes } = { name: nameOf(options), pageBytes: options.pageBytes }
      connection
        .prepare(
          `INSERT INTO umap_data_set (name, byte_length, page_bytes, version) VALUES (?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET byte_length = excluded.byte_length,
             version = excluded.version WHERE byte_length < excluded.byte_length`,
        )
        .run(name, byteLength, pageBytes ?? defaultPageBytes, randomUUID())
    })
    .immediate()
}

async function openForReading(
  options: SqliteStoreRefOptions,
  file: string,
  context: OpenStoreContext,
): Promise<OpenedDataSet> {
  const label = labelOf(options)
  const connection = openReader(file)
  try {
    const dataSet = await whileBusy(() => {
      if (!connection.inTransaction) {
        // Held until the store is closed: every read sees the state of this moment.
        connection.exec('BEGIN')
      }
      return findDataSet(connection, options, file)
    }, busyWaitMs)
    if (context.version !== undefined && context.version !== dataSet.version) {
      throw new StoreError(
        `${label} was flushed by others while its host was down; map it again to see its new state`,
        { code: sqliteErrorCodes.changed },
      )
    }
    return { connection, dataSet, label }
  } catch (error) {
    connection.close()
    throw error
  }
}

async function openForWriting(
  options: SqliteStoreRefOptions,
  file: string,
  context: OpenStoreContext,
): Promise<OpenedDataSet> {
  const label = labelOf(options)
  const connection = openWriter(file, false)
  let lock: WriterLock | undefined
  try {
    const { id } = await whileBusy(() => {
      const found = findDataSet(connection, options, file)
      useWriteAheadLog(connection)
      return found
    }, busyWaitMs)
    lock = await lockForWriting(file, id, label)
    const take = () =>
      connection.transaction(() => takeOver(connection, options, file, context)).immediate()
    return { connection, dataSet: await whileBusy(take, busyWaitMs), label, lock }
  } catch (error) {
    connection.close()
    lock?.release()
    throw error
  }
}

// What an ended writer left unflushed goes, unless it was this very one, whose host has died.
function takeOver(
  connection: Connection,
  options: SqliteStoreRefOptions,
  file: string,
  { session, version }: OpenStoreContext,
): DataSet {
  const dataSet = findDataSet(connection, options, file)
  if (session !== undefined && session === dataSet.session) {
    return dataSet
  }
  if (session !== undefined && version !== undefined) {
    throw new StoreError(
      `${labelOf(options)} got another writer while its host was down; what was not flushed is lost`,
      { code: sqliteErrorCodes.sessionLost },
    )
  }
  const staged = 'FROM umap_staged WHERE data_set = ?'
  connection
    .prepare(`DELETE FROM umap_page_data WHERE id IN (SELECT data_id ${staged})`)
    .run(dataSet.id)
  connection.prepare(`DELETE ${staged}`).run(dataSet.id)
  connection
    .prepare('UPDATE umap_data_set SET session = ? WHERE id = ?')
    .run(session ?? randomUUID(), dataSet.id)
  return dataSet
}

function findDataSet(
  connection: Connection,
  options: SqliteStoreRefOptions,
  file: string,
): DataSet {
  const isEmpty = checkSchema(connection, file) === 'empty'
  const found = isEmpty
    ? undefined
    : connection.prepare<[string], DataSet>(selectDataSet).get(nameOf(options))
  if (found === undefined) {
    const names = isEmpty
      ? []
      : connection.prepare<[], string>('SELECT name FROM umap_data_set LIMIT 10').pluck().all()
    const has = names.length === 0 ? 'none' : names.map((name) => JSON.stringify(name)).join(', ')
    const remedy = options.create === true ? 'create needs byteLength' : 'create: true makes one'
    throw new StoreError(
      `there is no data set ${JSON.stringify(nameOf(options))} in ${file}; it has ${has}; ${remedy}`,
      { code: options.create === true ? storeErrorCodes.size : sqliteErrorCodes.noDataSet },
    )
  }
  checkSize(options, found)
  return found
}

function checkSize(options: SqliteStoreRefOptions, { byteLength }: DataSet): void {
  const wanted = options.byteLength
  if (wanted === undefined || wanted === byteLength) {
    return
  }
  const remedy =
    wanted > byteLength
      ? 'create: true grows it'
      : 'a data set is never cut; map a part of it, or leave byteLength out'
  throw new StoreError(
    `${labelOf(options)} has ${byteLength} bytes, not byteLength ${wanted}; ${remedy}`,
    { code: storeErrorCodes.size },
  )
}

function nameOf({ name }: SqliteStoreRefOptions): string {
  return name ?? defaultName
}

function labelOf(options: SqliteStoreRefOptions): string {
  return `data set ${JSON.stringify(nameOf(options))} in ${options.path}`
}

// The options of the SQLite store, and their check at the line of the caller. Touches no file.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Options of `sqliteStore`. */
export interface SqliteStoreOptions {
  /** The database: a path, relative to the working directory of this moment, or a file URL. */
  readonly path: string | URL
  /** Which of the data sets in the database. Default 'default'. */
  readonly name?: string
  /**
   * Make the database and the data set where there is none, and grow a smaller data set to
   * `byteLength`. What is new is a hole, which costs no space until it is written. Default false.
   */
  readonly create?: boolean
  /**
   * The size that the data set must have. Without `create` a data set of another size is refused;
   * with it a smaller one is grown, and a larger one is refused, for nothing is ever cut off.
   * Default: the size that it has.
   */
  readonly byteLength?: number
  /**
   * Bytes in one row of a data set that is made: a power of two from 512 to 16 MiB. A data set that
   * is there keeps its own, and is read and written at any offset all the same; it is fastest where
   * this is the region's page size. Default 64 KiB.
   */
  readonly pageBytes?: number
}

/** The options as they travel in a reference: plain data. */
export interface SqliteStoreRefOptions extends Omit<SqliteStoreOptions, 'path'> {
  /** Absolute. */
  readonly path: string
}

/** What a data set is called that nobody has named. */
export const defaultName = 'default'
/** Bytes in one row, unless the options say else. */
export const defaultPageBytes: number = 64 * 1024

const pageBytesMin = 512
const pageBytesMax = 16 * 2 ** 20
const optionNames: readonly string[] = ['path', 'name', 'create', 'byteLength', 'pageBytes']

/**
 * Checks `options` and makes their path absolute.
 *
 * Throws a `TypeError` or `RangeError` that names the option and its value.
 */
export function checkOptions(options: SqliteStoreOptions): SqliteStoreRefOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`sqliteStore takes an object with path, not ${show(options)}`)
  }
  for (const option of Object.keys(options)) {
    if (!optionNames.includes(option)) {
      const known = optionNames.join(', ')
      throw new TypeError(`sqliteStore has no option named ${option}; it has ${known}`)
    }
  }
  const { name, create, byteLength, pageBytes } = options
  checkName(name)
  if (create !== undefined && typeof create !== 'boolean') {
    throw new TypeError(`create must be a boolean, not ${show(create)}`)
  }
  checkByteLength(byteLength)
  checkPageBytes(pageBytes)
  return {
    path: absolutePath(options.path),
    ...(name !== undefined && { name }),
    ...(create !== undefined && { create }),
    ...(byteLength !== undefined && { byteLength }),
    ...(pageBytes !== undefined && { pageBytes }),
  }
}

function absolutePath(value: unknown): string {
  if (value instanceof URL && value.protocol !== 'file:') {
    throw new TypeError(`path must be a path or a file URL, not ${value.href}`)
  }
  const text = value instanceof URL ? fileURLToPath(value) : value
  if (typeof text !== 'string' || text === '' || text.includes('\0')) {
    throw new TypeError(`path must be a path or a file URL, not ${show(value)}`)
  }
  // better-sqlite3 would open another file: it cuts white space off.
  if (text !== text.trimEnd()) {
    throw new TypeError(`path must not end in white space, as ${show(text)} does`)
  }
  return path.resolve(text)
}

function checkName(value: unknown): void {
  if (value !== undefined && (typeof value !== 'string' || value === '' || value.includes('\0'))) {
    throw new TypeError(`name must be a string that is not empty, not ${show(value)}`)
  }
}

function checkByteLength(value: unknown): void {
  if (value !== undefined && typeof value !== 'number') {
    throw new TypeError(`byteLength must be a number of bytes, not ${show(value)}`)
  }
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
    throw new RangeError(`byteLength must be a safe integer from 0 on, not ${value}`)
  }
}

function checkPageBytes(value: unknown): void {
  if (value !== undefined && typeof value !== 'number') {
    throw new TypeError(`pageBytes must be a number of bytes, not ${show(value)}`)
  }
  if (value === undefined) {
    return
  }
  const isPowerOfTwo = Number.isInteger(Math.log2(value))
  if (!isPowerOfTwo || value < pageBytesMin || value > pageBytesMax) {
    throw new RangeError(
      `pageBytes must be a power of two from ${pageBytesMin} to ${pageBytesMax}, not ${value}`,
    )
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value)
  }
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

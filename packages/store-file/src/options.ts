// The options of the file store, and their check at the line of the caller. Touches no file.

import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Options of `fileStore`. */
export interface FileStoreOptions {
  /** The file: a path, relative to the working directory of this moment, or a file URL. */
  readonly path: string | URL
  /**
   * Make the file where there is none, and grow a smaller one to `byteLength`. Both leave holes,
   * which cost no disk space until they are written. Default false.
   */
  readonly create?: boolean
  /**
   * The size that the file must have. Without `create` a file of another size is refused; with it
   * a smaller one is grown, and a larger one is refused, for nothing is ever cut off. Default: the
   * size that the file has.
   */
  readonly byteLength?: number
  /**
   * The engine should read and write the disk directly (O_DIRECT), past the page cache. It counts
   * on Linux where the file system can do it, else the page cache is used. Default false.
   */
  readonly direct?: boolean
}

/** The options as they travel in a reference: plain data. */
export interface FileStoreRefOptions extends Omit<FileStoreOptions, 'path'> {
  /** Absolute. */
  readonly path: string
}

const optionNames: readonly string[] = ['path', 'create', 'byteLength', 'direct']

/**
 * Checks `options` and makes their path absolute.
 *
 * Throws a `TypeError` or `RangeError` that names the option and its value.
 */
export function checkOptions(options: FileStoreOptions): FileStoreRefOptions {
  if (options === null || typeof options !== 'object') {
    throw new TypeError(`fileStore takes an object with path, not ${show(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name)) {
      throw new TypeError(`fileStore has no option named ${name}; it has ${optionNames.join(', ')}`)
    }
  }
  const { create, byteLength, direct } = options
  checkBoolean('create', create)
  checkBoolean('direct', direct)
  checkByteLength(byteLength)
  return {
    path: absolutePath(options.path),
    ...(create !== undefined && { create }),
    ...(byteLength !== undefined && { byteLength }),
    ...(direct !== undefined && { direct }),
  }
}

function absolutePath(value: unknown): string {
  if (value instanceof URL) {
    if (value.protocol !== 'file:') {
      throw new TypeError(`path must be a path or a file URL, not ${value.href}`)
    }
    return fileURLToPath(value)
  }
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw new TypeError(`path must be a path or a file URL, not ${show(value)}`)
  }
  return path.resolve(value)
}

function checkBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError(`${name} must be a boolean, not ${show(value)}`)
  }
}

function checkByteLength(value: unknown): void {
  if (value === undefined) {
    return
  }
  if (typeof value !== 'number') {
    throw new TypeError(`byteLength must be a number of bytes, not ${show(value)}`)
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`byteLength must be a safe integer from 0 on, not ${value}`)
  }
}

function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value)
  }
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

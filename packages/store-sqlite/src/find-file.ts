// Looks at the file of a database before SQLite opens it, which would call everything that can be
// wrong with it by one name. Opens nothing: to close a file gives up the locks that SQLite has on it
// in this process.

import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs'
import path from 'node:path'
import { type OpenStoreContext, StoreError, storeErrorCodes } from '@umap/store'
import { errorCode } from './errors.ts'
import type { SqliteStoreRefOptions } from './options.ts'

/**
 * Looks before opening, as the opening of a pipe can block. Returns a path without links.
 *
 * Throws a `StoreError` with the system's code.
 */
export function findFile(options: SqliteStoreRefOptions): string {
  const stats = statIfThere(options.path)
  if (stats === undefined) {
    return newFile(options)
  }
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a directory' : 'not a regular file'
    throw new StoreError(`${options.path} is ${kind}; a database is a regular file`, {
      code: storeErrorCodes.unsupported,
    })
  }
  return realpathSync(options.path)
}

function statIfThere(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    throw fileError(error, `open ${file}`)
  }
}

// SQLite makes the file itself, and would say of everything that it cannot open it.
function newFile({ path: file, create, byteLength }: SqliteStoreRefOptions): string {
  if (create !== true) {
    throw new StoreError(`there is no file ${file}; create: true with byteLength makes one`, {
      code: 'ENOENT',
    })
  }
  if (byteLength === undefined) {
    throw new StoreError(`there is no file ${file}, and create needs byteLength to make one`, {
      code: storeErrorCodes.size,
    })
  }
  try {
    accessSync(path.dirname(file), constants.W_OK | constants.X_OK)
    return path.join(realpathSync(path.dirname(file)), path.basename(file))
  } catch (error) {
    throw fileError(error, `create ${file}`)
  }
}

/** Whether to open for writing, where that is left to us: whether it is permitted. */
export function wantsToWrite(file: string, { access }: OpenStoreContext): boolean {
  if (access === 'read-only') {
    return false
  }
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    // The log and the lock are files beside the database.
    accessSync(path.dirname(file), constants.W_OK | constants.X_OK)
    return true
  } catch (error) {
    if (access === 'read-write') {
      throw fileError(error, `open ${file} and its directory read-write`)
    }
    return false
  }
}

function fileError(error: unknown, doing: string): StoreError {
  const message = error instanceof Error ? error.message : String(error)
  return new StoreError(`cannot ${doing}: ${message}`, { code: errorCode(error), cause: error })
}

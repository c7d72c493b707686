// Finds, makes, grows and opens the file of a store, and refuses what is no regular file. Runs once
// for each opening, in the thread that runs the store.

import type { Stats } from 'node:fs'
import { constants, type FileHandle, open, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { type StoreAccess, StoreError, storeErrorCodes } from '@umap/store'
import { errnoName, toStoreError } from './errors.ts'
import type { FileStoreRefOptions } from './options.ts'

/** A file that is open for what was asked. */
export interface OpenedFile {
  readonly handle: FileHandle
  readonly path: string
  readonly byteLength: number
  readonly writable: boolean
  /** O_DIRECT was asked for, and this file can be opened so. */
  readonly direct: boolean
}

// What a file system says where only writing is refused; reading may be allowed nevertheless.
const writeRefusals: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ETXTBSY'])

/** Opens the file, made or grown first where the options ask for it. `access` as in the contract. */
export async function openFile(
  options: FileStoreRefOptions,
  access: StoreAccess | undefined,
): Promise<OpenedFile> {
  // 1. Look before opening: the opening of a pipe can block, that of a device can do things.
  const before = await statIfThere(options.path)
  if (before !== undefined) {
    refuseIrregular(before, options.path)
  }
  // 2. Give it the size that was asked for.
  if (before === undefined) {
    await createFile(options)
  } else {
    await growFile(options, before.size)
  }
  // 3. Open it for good, and believe only what the descriptor says.
  const { handle, writable } = await openFor(options.path, access)
  try {
    const opened = await handle.stat()
    refuseIrregular(opened, options.path)
    checkSize(options, opened.size)
    const direct = options.direct === true && (await canBypassCache(handle))
    return { handle, path: options.path, byteLength: opened.size, writable, direct }
  } catch (error) {
    await handle.close()
    throw toStoreError(error, `open ${options.path}`)
  }
}

async function statIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if (errnoName(error) === 'ENOENT') {
      return undefined
    }
    throw toStoreError(error, `open ${file}`)
  }
}

function refuseIrregular(stats: Stats, file: string): void {
  if (stats.isFile()) {
    return
  }
  const kind = stats.isDirectory()
    ? 'a directory'
    : stats.isBlockDevice()
      ? 'a block device'
      : 'not a regular file'
  throw new StoreError(`${file} is ${kind}; a file store needs a regular file`, {
    code: storeErrorCodes.unsupported,
  })
}

async function createFile(options: FileStoreRefOptions): Promise<void> {
  const { path: file, create, byteLength } = options
  if (!create) {
    throw new StoreError(`there is no file ${file}; create: true with byteLength makes one`, {
      code: 'ENOENT',
    })
  }
  if (byteLength === undefined) {
    throw new StoreError(`there is no file ${file}, and create needs byteLength to make one`, {
      code: storeErrorCodes.size,
    })
  }
  let handle: FileHandle
  try {
    handle = await open(file, 'wx+')
  } catch (error) {
    if (errnoName(error) === 'EEXIST') {
      // Somebody else was first. A link that leads nowhere ends here too, and is not followed.
      return await growFile(options, (await statIfThere(file))?.size ?? 0)
    }
    throw toStoreError(error, `create ${file}`)
  }
  try {
    await handle.truncate(byteLength)
    await handle.sync()
    await handle.close()
  } catch (error) {
    await handle.close().catch(() => undefined)
    await unlink(file).catch(() => undefined)
    throw toStoreError(error, `create ${file} with ${byteLength} bytes`)
  }
  await syncDirectory(path.dirname(file))
}

// The name of a new file is durable only when its directory is (fsync(2), notes). Not everywhere
// can a directory be opened or synced; there is no other way then.
async function syncDirectory(directory: string): Promise<void> {
  try {
    const handle = await open(directory, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    return
  }
}

async function growFile(options: FileStoreRefOptions, size: number): Promise<void> {
  const { path: file, create, byteLength } = options
  if (!create || byteLength === undefined || byteLength <= size) {
    return
  }
  try {
    const handle = await open(file, 'r+')
    try {
      // Looked at once more: truncate() must not cut off what another process has added since.
      if ((await handle.stat()).size < byteLength) {
        await handle.truncate(byteLength)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw toStoreError(error, `grow ${file} to ${byteLength} bytes`)
  }
}

function checkSize(options: FileStoreRefOptions, size: number): void {
  const { path: file, create, byteLength } = options
  if (byteLength === undefined || byteLength === size) {
    return
  }
  const remedy =
    byteLength > size && !create
      ? 'create: true grows it'
      : 'a file store never cuts a file; map a part of it, or leave byteLength out'
  throw new StoreError(`${file} has ${size} bytes, not byteLength ${byteLength}; ${remedy}`, {
    code: storeErrorCodes.size,
  })
}

async function openFor(
  file: string,
  access: StoreAccess | undefined,
): Promise<{ handle: FileHandle; writable: boolean }> {
  try {
    const handle = await open(file, access === 'read-only' ? 'r' : 'r+')
    return { handle, writable: access !== 'read-only' }
  } catch (error) {
    if (access !== undefined || !writeRefusals.has(errnoName(error))) {
      throw toStoreError(error, `open ${file} ${access ?? 'read-write'}`)
    }
  }
  try {
    return { handle: await open(file, 'r'), writable: false }
  } catch (error) {
    throw toStoreError(error, `open ${file}`)
  }
}

// Whether this file system knows O_DIRECT is only known by trying. Opened through the descriptor,
// so that it is the same file, whatever its name leads to by now.
async function canBypassCache(handle: FileHandle): Promise<boolean> {
  if (process.platform !== 'linux') {
    return false
  }
  try {
    const flags = constants.O_RDONLY | constants.O_DIRECT
    const probe = await open(`/proc/self/fd/${handle.fd}`, flags)
    await probe.close()
    return true
  } catch {
    return false
  }
}

// Opens FROM and TO, makes or grows TO where that is wanted, and refuses pairs that cannot be
// copied.

import { createHash } from 'node:crypto'
import { fstatSync, realpathSync } from 'node:fs'
import path from 'node:path'
import {
  isRetryableCode,
  openStoreRef,
  type PageStore,
  type StoreAccess,
  StoreError,
  type StoreRef,
} from '@umap/store'
import { CopyError, copyErrorCodes, toCopyError } from './copy-error.ts'
import type { StoreArgument } from './store-argument.ts'

/** TO, open for writing. */
export interface OpenedTo {
  readonly store: PageStore
  /** It was not there before. */
  readonly isNew: boolean
  /** It is new, and nothing can be in it: the system said that there was no such file. */
  readonly isEmpty: boolean
}

/** Opens a store; what it throws gets its label. */
export async function openArgument(
  argument: StoreArgument,
  access: StoreAccess,
): Promise<PageStore> {
  return openRef(argument, argument.ref, access)
}

async function openRef(
  { role, label }: StoreArgument,
  ref: StoreRef,
  access: StoreAccess,
): Promise<PageStore> {
  try {
    return await openStoreRef(ref, { access })
  } catch (error) {
    throw toCopyError(error, `${role} (${label})`)
  }
}

/**
 * Opens TO for `byteLength` bytes.
 *
 * @param create true: it may be made or grown; false: never; undefined: where it was named by a
 *   path or a scheme, so that the names of its options are known
 */
export async function openTo(
  argument: StoreArgument,
  byteLength: number,
  create: boolean | undefined,
): Promise<OpenedTo> {
  const mayCreate = create ?? argument.isNamed
  const { role, label } = argument
  let opened: PageStore | undefined
  let missing = ''
  try {
    opened = await openRef(argument, argument.ref, 'read-write')
  } catch (error) {
    // Where the way to it is broken, nobody knows whether it is there.
    if (!mayCreate || !(error instanceof CopyError) || isPassing(error)) throw error
    missing = error.code
  }
  if (opened !== undefined && opened.byteLength < byteLength && mayCreate) {
    await opened.close()
    opened = undefined
  }
  const isNew = missing !== ''
  const store =
    opened ?? (await openRef(argument, withSize(argument.ref, byteLength), 'read-write'))
  try {
    checkTo(store, byteLength, `${role} (${label})`)
  } catch (error) {
    await store.close()
    throw error
  }
  return { store, isNew, isEmpty: missing === 'ENOENT' }
}

function isPassing(error: CopyError): boolean {
  const { cause } = error
  return cause instanceof StoreError ? cause.retryable : isRetryableCode(error.code)
}

function withSize(ref: StoreRef, byteLength: number): StoreRef {
  return { ...ref, options: { ...(ref.options as object), create: true, byteLength } }
}

function checkTo(store: PageStore, byteLength: number, label: string): void {
  if (!store.capabilities.writable) {
    throw new CopyError(`${label} cannot be written`, { code: copyErrorCodes.readOnly })
  }
  if (store.byteLength !== byteLength) {
    throw new CopyError(`${label} has ${store.byteLength} bytes, FROM has ${byteLength}`, {
      code: copyErrorCodes.size,
      wayOut: 'name a TO that is not there, or one of the same size',
    })
  }
}

/** Refuses to copy a store onto itself. */
export function refuseSameStore(from: StoreArgument, to: StoreArgument, opened: PageStore[]): void {
  const [first, second] = opened.map(({ capabilities }) => fileOf(capabilities.nativeFd))
  const sameFile = first !== undefined && first === second
  if (sameFile || identityOf(from.ref) === identityOf(to.ref)) {
    throw new CopyError(`FROM and TO (${to.label}) are the same store`, {
      code: copyErrorCodes.same,
    })
  }
}

function fileOf(fd: number | undefined): string | undefined {
  if (fd === undefined) return undefined
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}

// Options that say how a store is made or how large it must be, not which one it is.
const makingOptions: readonly string[] = ['create', 'byteLength', 'pageBytes', 'chunkBytes']

/**
 * A digest that two references share when they name the same store: of module and options, save
 * for those that say how it is made. A path is followed through links.
 */
export function identityOf(ref: StoreRef): string {
  const entries = Object.entries((ref.options ?? {}) as Record<string, unknown>)
  const options = Object.fromEntries(entries.filter(([name]) => !makingOptions.includes(name)))
  const place = typeof options.path === 'string' ? fileAt(options.path) : undefined
  const named = [
    ref.url,
    ref.exportName,
    place === undefined ? options : { ...options, path: place },
  ]
  return createHash('sha256')
    .update(JSON.stringify(sortKeys(named)))
    .digest('hex')
}

// TO may not be there yet; its directory is.
function fileAt(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    const absolute = path.resolve(file)
    const directory = path.dirname(absolute)
    return directory === absolute ? absolute : path.join(fileAt(directory), path.basename(absolute))
  }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]))
}

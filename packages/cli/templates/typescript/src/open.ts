// The factory of references, and the function that opens one. Opening runs where the store runs: in
// a worker thread, which must not wait for the threads that map it.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import {
  type OpenStoreContext,
  StoreError,
  type StoreRef,
  storeErrorCodes,
  storeRef,
} from '@umap/store'
import { errorCode, toStoreError } from './errors.ts'
import { checkOptions, type SampleStoreOptions } from './options.ts'
import { SampleStore } from './sample-store.ts'

/**
 * A reference to a data set, for `umap({ store: sampleStore({ path }) })`. Nothing is opened yet.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function sampleStore(options: SampleStoreOptions): StoreRef<SampleStoreOptions> {
  return storeRef(new URL(import.meta.url), checkOptions(options))
}

/** Opens a data set. Rejects with a `StoreError`. */
export async function openStore(
  options: SampleStoreOptions,
  context: OpenStoreContext = {},
): Promise<SampleStore> {
  const { path: directory, create, byteLength } = checkOptions(options)
  // Without `access` a store is writable where that is permitted; this one always tries.
  const writable = context.access !== 'read-only'
  let size = await readSize(directory)
  if (size === undefined) {
    if (!create || byteLength === undefined) {
      throw new StoreError(`there is no data set in ${directory}; create and byteLength make one`, {
        code: 'ENOENT',
      })
    }
    await makeDataSet(directory, byteLength)
    size = byteLength
  }
  if (byteLength !== undefined && byteLength !== size) {
    throw new StoreError(`${directory} has ${size} bytes, not byteLength ${byteLength}`, {
      code: storeErrorCodes.size,
    })
  }
  return new SampleStore(directory, size, writable)
}

async function readSize(directory: string): Promise<number | undefined> {
  try {
    const text = await readFile(path.join(directory, 'store.json'), 'utf8')
    return (JSON.parse(text) as { byteLength: number }).byteLength
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined
    }
    throw toStoreError(error, `open ${directory}`)
  }
}

async function makeDataSet(directory: string, byteLength: number): Promise<void> {
  try {
    await mkdir(directory, { recursive: true })
    const file = path.join(directory, 'store.json')
    await writeFile(file, JSON.stringify({ byteLength }), { flush: true })
  } catch (error) {
    throw toStoreError(error, `make ${directory}`)
  }
}

// The factory of references, and the function that opens one. Opening runs where the store runs: in
// a worker thread, which must not wait for the threads that map it.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { StoreError, storeErrorCodes, storeRef } from '@umap/store'
import { errorCode, toStoreError } from './errors.mjs'
import { checkOptions } from './options.mjs'
import { SampleStore } from './sample-store.mjs'

/**
 * A reference to a data set, for `umap({ store: sampleStore({ path }) })`. Nothing is opened yet.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 *
 * @param {import('./options.mjs').SampleStoreOptions} options
 */
export function sampleStore(options) {
  return storeRef(new URL(import.meta.url), checkOptions(options))
}

/**
 * Opens a data set. Rejects with a `StoreError`.
 *
 * @param {import('./options.mjs').SampleStoreOptions} options
 * @param {import('@umap/store').OpenStoreContext} [context]
 */
export async function openStore(options, context = {}) {
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

async function readSize(directory) {
  try {
    const text = await readFile(path.join(directory, 'store.json'), 'utf8')
    return JSON.parse(text).byteLength
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      return undefined
    }
    throw toStoreError(error, `open ${directory}`)
  }
}

async function makeDataSet(directory, byteLength) {
  try {
    await mkdir(directory, { recursive: true })
    const file = path.join(directory, 'store.json')
    await writeFile(file, JSON.stringify({ byteLength }), { flush: true })
  } catch (error) {
    throw toStoreError(error, `make ${directory}`)
  }
}

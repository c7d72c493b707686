// A store written by somebody else, in plain JavaScript: it encrypts and authenticates every page
// (AES-256-GCM) and keeps it in any other store. Pages are written beside their old versions, and a
// flush swaps one sealed table, so that a crash leaves exactly the state of the last flush.
//
// What it protects from somebody who can read and change the store below: contents are secret; a
// page that was changed, moved, exchanged with another one, taken from another sealed store or put
// back to an older version is never shown, but is an error (SEALED_DAMAGED). What it does not: which
// pages are written and when can be seen, and which are holes; all of the store below can be
// exchanged for an older copy of all of it, unless `epochMin` says how old it may be; what is lost
// is lost. It writes the whole table at each flush (32 bytes a page), and takes twice the space.
// When its store host dies, what was not flushed is lost, and it says so (STORE_FLUSH_LOST). One
// opening writes at a time; those that read beside it see each page as some flush has left it that
// is not older than their opening.

import { openStoreRef, resolveStoreRef, storeErrorCodes, storeRef } from '@umap/store'
import {
  entryBytes,
  failure,
  headerBytes,
  layoutOf,
  makeHeader,
  offsetOfTable,
  readHeader,
  sealTable,
} from './sealed-format.mjs'
import { checkKeySource, loadKey } from './sealed-key.mjs'
import { readBelow, readTable, SealedStore, writeBelow } from './sealed-pages.mjs'

/**
 * @typedef {object} SealedStoreOptions
 * @property {import('@umap/store').StoreSource} store The store below. Where it is to be made, it
 *   needs its own `create` and at least {@link sealedByteLength} bytes.
 * @property {import('./sealed-key.mjs').KeySource} key Names the key, and does not hold it.
 * @property {boolean} [create] Make the sealed store where the store below is empty.
 * @property {number} [byteLength] Size of the data; needed with `create`.
 * @property {number} [pageBytes] What is sealed as one: best umap's own `pageBytes`. Default 65536.
 * @property {number} [epochMin] Refuse a store that had fewer flushes: it is an older copy.
 */

const pageBytesDefault = 65_536
const optionNames = ['store', 'key', 'create', 'byteLength', 'pageBytes', 'epochMin']
/** @typedef {import('@umap/store').PageStore} PageStore */
/** @typedef {import('./sealed-format.mjs').Layout} Layout */
/** @typedef {import('./sealed-format.mjs').Sealer} Sealer */

/** Bytes that the store below needs for so many bytes of data. */
export function sealedByteLength(
  /** @type {number} */ byteLength,
  /** @type {number} */ pageBytes = pageBytesDefault,
) {
  return layoutOf(byteLength, pageBytes).sealedBytes
}

/** A reference. Throws a `TypeError` or `RangeError` that names the option. */
export function sealedStore(/** @type {SealedStoreOptions} */ options) {
  // Relative module names of the store below mean something here and now only.
  const checked = { ...checkOptions(options), store: resolveStoreRef(options.store) }
  return storeRef(new URL(import.meta.url), checked)
}

/**
 * Opens a sealed store, or makes it. Rejects with a `StoreError`: SEALED_KEY for a wrong key or
 * none, SEALED_FORMAT, SEALED_DAMAGED, SEALED_ROLLBACK, SEALED_CHANGED, or what the store below
 * says.
 *
 * @param {SealedStoreOptions} options
 * @param {import('@umap/store').OpenStoreContext} [context]
 */
export async function openStore(options, context = {}) {
  const { key, store, create, byteLength, pageBytes = pageBytesDefault } = checkOptions(options)
  const masterKey = await loadKey(key)
  const below = await openStoreRef(store, context.access ? { access: context.access } : {})
  try {
    const header = Buffer.alloc(headerBytes)
    if (below.byteLength >= headerBytes) await readBelow(below, 0, header)
    let found = readHeader(masterKey, header)
    if (found === undefined) {
      if (!create || byteLength === undefined || !below.capabilities.writable) {
        throw failure('SEALED_FORMAT', 'there is no sealed store; create and byteLength make one')
      }
      found = await makeSealed(below, masterKey, layoutOf(byteLength, pageBytes))
    }
    if (byteLength !== undefined && byteLength !== found.layout.byteLength) {
      const message = `it has ${found.layout.byteLength} bytes, not byteLength ${byteLength}`
      throw failure(storeErrorCodes.size, message)
    }
    checkRoom(below, found.layout)
    const table = await readTable(below, found)
    refuseOldCopy(table, options.epochMin)
    // A table that a process left behind when it died counts, so it must not vanish any more.
    if (below.capabilities.writable) await below.flush?.()
    const sealed = new SealedStore(below, found, table)
    refuseLostWrites(sealed, context)
    return sealed
  } catch (error) {
    await below.close()
    throw error
  }
}

function refuseOldCopy(/** @type {{ epoch: number }} */ { epoch }, epochMin = 0) {
  if (epoch >= epochMin) return
  const message = `the store had ${epoch} flushes, fewer than epochMin ${epochMin}`
  throw failure('SEALED_ROLLBACK', message)
}

// An opening with a version repeats one whose host died, and with it the table of what was not
// flushed. To go on would show pages as they were before.
function refuseLostWrites(
  /** @type {SealedStore} */ store,
  /** @type {import('@umap/store').OpenStoreContext} */ { version },
) {
  if (version === undefined) return
  if (store.capabilities.writable) {
    const message = 'the store host died, and with it what was not flushed; open the store again'
    throw failure(storeErrorCodes.flushLost, message)
  }
  if (version !== store.version) {
    throw failure('SEALED_CHANGED', 'somebody has written to the sealed store meanwhile')
  }
}

/** @param {PageStore} below @param {Uint8Array} masterKey */
async function makeSealed(below, masterKey, /** @type {Layout} */ layout) {
  checkRoom(below, layout)
  const { header, sealer, storeId } = makeHeader(masterKey, layout)
  const entries = Buffer.alloc(layout.pageCount * entryBytes)
  const table = sealTable(sealer, 1, entries, layout)
  await writeBelow(below, offsetOfTable(layout, 1), table)
  await below.flush?.()
  // The header last: where it is, the store is whole.
  await writeBelow(below, 0, header)
  await below.flush?.()
  return { sealer, storeId, layout }
}

/** @param {PageStore} below @param {Layout} layout */
function checkRoom(below, { sealedBytes }) {
  if (below.byteLength >= sealedBytes) return
  const message = `the store below has ${below.byteLength} bytes, and ${sealedBytes} are needed`
  throw failure(storeErrorCodes.size, message)
}

/** @param {SealedStoreOptions} options */
function checkOptions(options) {
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined) throw new TypeError(`sealedStore has no option named ${unknown}`)
  checkKeySource(options.key)
  for (const name of /** @type {const} */ (['byteLength', 'pageBytes', 'epochMin'])) {
    const value = options[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new RangeError(`${name} must be a safe integer from 0 on, not ${value}`)
    }
  }
  const { pageBytes = pageBytesDefault } = options
  if (pageBytes < 4096 || !Number.isInteger(Math.log2(pageBytes))) {
    throw new RangeError(`pageBytes must be a power of two from 4096 on, not ${pageBytes}`)
  }
  return options
}

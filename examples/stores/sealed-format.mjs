// How a sealed store looks in the store below it: a header, two tables, and two places for each
// page. Encrypts and authenticates with AES-256-GCM; pure computation, reads and writes nothing.
//
//   0            header: who this is, and a proof of the key
//   4096         table of even epochs: nonce and tag of every page, sealed itself
//   + tableBytes table of odd epochs
//   pagesOffset  place 1 of every page, then place 2 of every page: nothing but ciphertext

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { StoreError } from '@umap/store'

/**
 * @typedef {object} Layout
 * @property {number} byteLength of the data
 * @property {number} pageBytes
 * @property {number} pageCount
 * @property {number} tableBytes of one table, its head included
 * @property {number} pagesOffset
 * @property {number} sealedBytes of the store below
 */

const magic = Buffer.from('umapseal')
const formatVersion = 1
const blockBytes = 4096
const nonceBytes = 12
const tagBytes = 16
/** What stands before the entries of a table; the epoch is the first of it. */
export const tableHeadBytes = 64

/** A page's entry in the table: nonce, tag, and which place it is in (0: it is a hole). */
export const entryBytes = 32
export const headerBytes = blockBytes

/**
 * @param {number} byteLength
 * @param {number} pageBytes
 * @returns {Layout}
 */
export function layoutOf(byteLength, pageBytes) {
  const pageCount = Math.ceil(byteLength / pageBytes)
  const tableBytes = roundUp(tableHeadBytes + pageCount * entryBytes, blockBytes)
  const pagesOffset = roundUp(headerBytes + 2 * tableBytes, pageBytes)
  const sealedBytes = pagesOffset + 2 * pageCount * pageBytes
  return { byteLength, pageBytes, pageCount, tableBytes, pagesOffset, sealedBytes }
}

/** @param {Layout} layout @param {number} page @param {number} place 1 or 2 */
export function offsetOfPage({ pagesOffset, pageCount, pageBytes }, page, place) {
  return pagesOffset + ((place - 1) * pageCount + page) * pageBytes
}

/** @param {Layout} layout @param {number} epoch */
export function offsetOfTable({ tableBytes }, epoch) {
  return headerBytes + (epoch % 2) * tableBytes
}

/** Seals and opens what belongs to one store, under a key of its own. */
export class Sealer {
  #key
  #storeId

  /** @param {Uint8Array} masterKey 32 bytes @param {Uint8Array} storeId 16 bytes */
  constructor(masterKey, storeId) {
    this.#storeId = storeId
    this.#key = Buffer.from(hkdfSync('sha256', masterKey, storeId, 'umap sealed store', 32))
  }

  /**
   * @param {string} role header, table or page: one cannot pass for another
   * @param {number} number of the page, or the epoch
   * @param {Uint8Array} bytes
   */
  seal(role, number, bytes) {
    // Random nonces are safe for 2^32 seals under one key (NIST SP 800-38D, 8.3).
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes })
    cipher.setAAD(this.#context(role, number))
    const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()])
    return { nonce, tag: cipher.getAuthTag(), ciphertext }
  }

  /**
   * The bytes, or undefined where they are not what was sealed for this role and number.
   *
   * @param {string} role @param {number} number
   * @param {{ nonce: Uint8Array, tag: Uint8Array, ciphertext: Uint8Array }} sealed
   * @returns {Buffer | undefined}
   */
  open(role, number, { nonce, tag, ciphertext }) {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(this.#context(role, number))
    decipher.setAuthTag(tag)
    try {
      return Buffer.concat([decipher.update(ciphertext), decipher.final()])
    } catch {
      return undefined
    }
  }

  /** @param {string} role @param {number} number */
  #context(role, number) {
    const context = Buffer.alloc(40)
    context.set(this.#storeId)
    context.write(role, 16)
    context.writeBigUInt64LE(BigInt(number), 32)
    return context
  }
}

/**
 * A header for a new store.
 *
 * @param {Uint8Array} masterKey @param {Layout} layout
 */
export function makeHeader(masterKey, { byteLength, pageBytes }) {
  const storeId = randomBytes(16)
  const header = Buffer.alloc(headerBytes)
  const facts = header.subarray(0, 48)
  facts.set(magic)
  facts.writeUInt32LE(formatVersion, 8)
  facts.writeUInt32LE(pageBytes, 12)
  facts.writeBigUInt64LE(BigInt(byteLength), 16)
  facts.set(storeId, 24)
  const sealer = new Sealer(masterKey, storeId)
  // The facts stand there in the clear, and once more sealed, which proves them and the key.
  const { nonce, tag, ciphertext } = sealer.seal('header', 0, facts)
  header.set(nonce, 48)
  header.set(tag, 60)
  header.set(ciphertext, 76)
  return { header, sealer, storeId }
}

/**
 * Reads a header. Undefined where there is none, but zeros.
 *
 * @param {Uint8Array} masterKey @param {Buffer} header
 */
export function readHeader(masterKey, header) {
  if (header.every((byte) => byte === 0)) return undefined
  const facts = header.subarray(0, 48)
  if (!facts.subarray(0, 8).equals(magic) || facts.readUInt32LE(8) !== formatVersion) {
    throw failure('SEALED_FORMAT', 'the store below holds something else than a sealed store')
  }
  const storeId = Buffer.from(facts.subarray(24, 40))
  const sealer = new Sealer(masterKey, storeId)
  const opened = sealer.open('header', 0, {
    nonce: header.subarray(48, 60),
    tag: header.subarray(60, 76),
    ciphertext: header.subarray(76, 76 + facts.length),
  })
  if (!opened?.equals(facts)) {
    throw failure('SEALED_KEY', 'this is not the key of the sealed store, or its header is damaged')
  }
  const byteLength = Number(facts.readBigUInt64LE(16))
  return { sealer, storeId, layout: layoutOf(byteLength, facts.readUInt32LE(12)) }
}

/** @param {Sealer} sealer @param {number} epoch @param {Uint8Array} entries @param {Layout} layout */
export function sealTable(sealer, epoch, entries, { tableBytes }) {
  const { nonce, tag, ciphertext } = sealer.seal('table', epoch, entries)
  const table = Buffer.alloc(tableBytes)
  table.writeBigUInt64LE(BigInt(epoch))
  table.set(nonce, 8)
  table.set(tag, 20)
  table.set(ciphertext, tableHeadBytes)
  return table
}

/**
 * The epoch and entries of a table, undefined where it is torn, or none at all.
 *
 * @param {Sealer} sealer @param {Buffer} table @param {Layout} layout
 */
export function openTable(sealer, table, { pageCount }) {
  const epoch = Number(table.readBigUInt64LE())
  if (epoch === 0 || !Number.isSafeInteger(epoch)) return undefined
  const entries = sealer.open('table', epoch, {
    nonce: table.subarray(8, 20),
    tag: table.subarray(20, 36),
    ciphertext: table.subarray(tableHeadBytes, tableHeadBytes + pageCount * entryBytes),
  })
  return entries && { epoch, entries }
}

/** @param {string} code @param {string} message */
export function failure(code, message) {
  return new StoreError(message, { code })
}

/** @param {number} value @param {number} step */
function roundUp(value, step) {
  return Math.ceil(value / step) * step
}

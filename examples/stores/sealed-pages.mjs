// The pages of an open sealed store: reads and checks them, writes them beside their old versions,
// and swaps the table at a flush. What it guarantees stands at the head of sealed-store.mjs.

import { setTimeout } from 'node:timers/promises'
import { storeErrorCodes } from '@umap/store'
import {
  entryBytes,
  failure,
  headerBytes,
  offsetOfPage,
  offsetOfTable,
  openTable,
  sealTable,
  tableHeadBytes,
} from './sealed-format.mjs'
import { Turns } from './turns.mjs'

/** @typedef {import('@umap/store').PageStore} PageStore */
/** @typedef {import('./sealed-format.mjs').Layout} Layout */
/** @typedef {import('./sealed-format.mjs').Sealer} Sealer */

/** A signal for calls that nobody aborts. */
export const neverAborted = new AbortController().signal

/** An open sealed store. @implements {PageStore} */
export class SealedStore {
  #below
  #sealer
  #layout
  #storeId
  #epoch
  /** Entries as they are now; those of the last flush stay valid until the next one. */
  #entries
  /** Where each page was at the last flush: that place is not written until the next one. */
  #flushedPlaces
  /** Contents that the store below would not take; they are written again at the next flush. */
  #unsaved = /** @type {Map<number, Buffer>} */ (new Map())
  /** Pages that became holes since the last flush. */
  #discarded = /** @type {Set<number>} */ (new Set())
  #turns = new Turns()
  #isChanged = false
  /** A flush failed with its table half written: nobody knows whether it counts. */
  #isTableUncertain = false
  #inFlight = /** @type {Set<Promise<unknown>>} */ (new Set())
  #closing = /** @type {Promise<void> | undefined} */ (undefined)

  /**
   * @param {PageStore} below
   * @param {{ sealer: Sealer, storeId: Buffer, layout: Layout }} found
   * @param {{ epoch: number, entries: Buffer }} table
   */
  constructor(below, { sealer, storeId, layout }, { epoch, entries }) {
    this.#below = below
    this.#sealer = sealer
    this.#layout = layout
    this.#storeId = storeId
    this.#epoch = epoch
    this.#entries = entries
    this.#flushedPlaces = this.#places()
    const { writable, concurrencyMax, callBytesMax } = below.capabilities
    this.capabilities = Object.freeze({
      writable,
      concurrencyMax,
      callBytesMax: Math.max(layout.pageBytes, callBytesMax),
      // Old pages are kept until the table of the new ones is durable.
      atomicFlush: true,
    })
  }

  get byteLength() {
    return this.#layout.byteLength
  }

  /** Names the bytes of the last flush. */
  get version() {
    return `${this.#storeId.toString('hex')}:${this.#epoch}`
  }

  /** Flushes so far: remember it outside, and pass it as `epochMin`, to notice an older copy. */
  get epoch() {
    return this.#epoch
  }

  /** @param {number} offset @param {Uint8Array} target @param {{ signal?: AbortSignal }} [options] */
  read(offset, target, { signal = neverAborted } = {}) {
    return this.#run(offset, target.byteLength, false, async () => {
      let isHole = true
      for (const part of this.#partsOf(offset, target.byteLength)) {
        signal.throwIfAborted()
        const page = await this.#turns.inTurn(part.page, () => this.#loadPage(part.page, signal))
        const bytes = target.subarray(part.from, part.to)
        if (page === undefined) bytes.fill(0)
        else bytes.set(page.subarray(part.start, part.start + bytes.byteLength))
        isHole &&= page === undefined
      }
      return isHole ? /** @type {const} */ ('hole') : undefined
    })
  }

  /** @param {number} offset @param {Uint8Array} source @param {{ signal?: AbortSignal }} [options] */
  write(offset, source, { signal = neverAborted } = {}) {
    return this.#run(offset, source.byteLength, true, async () => {
      for (const part of this.#partsOf(offset, source.byteLength)) {
        await this.#turns.inTurn(part.page, async () => {
          signal.throwIfAborted()
          const bytes = source.subarray(part.from, part.to)
          await this.#savePage(part.page, await this.#patched(part, bytes))
        })
      }
    })
  }

  /** @param {number} offset @param {number} byteLength */
  discard(offset, byteLength) {
    return this.#run(offset, byteLength, true, async () => {
      for (const part of this.#partsOf(offset, byteLength)) {
        await this.#turns.inTurn(part.page, async () => {
          if (this.#isWhole(part)) this.#dropPage(part.page)
          else if (this.#isStored(part.page)) {
            const zeros = Buffer.alloc(part.to - part.from)
            await this.#savePage(part.page, await this.#patched(part, zeros))
          }
        })
      }
    })
  }

  /** All of what was written becomes durable at once, or none of it. */
  flush() {
    return this.#run(0, 0, false, () => this.#turns.alone(() => this.#commit()))
  }

  /** Idempotent; waits for calls in flight, and closes the store below. Makes nothing durable. */
  close() {
    this.#closing ??= Promise.allSettled(this.#inFlight).then(() => this.#below.close())
    return this.#closing
  }

  // 1. Pages first: what was refused before gets another try. 2. Once they are durable, the table
  // that names them. 3. Once that is durable, the old pages are not needed any more.
  async #commit() {
    for (const [page, bytes] of this.#unsaved) await this.#savePage(page, bytes)
    if (!this.#isChanged) return
    await this.#settleTable()
    await this.#refuseSecondWriter()
    await this.#below.flush?.()
    const epoch = this.#epoch + 1
    const table = sealTable(this.#sealer, epoch, this.#entries, this.#layout)
    this.#isTableUncertain = true
    await this.#writeBelow(offsetOfTable(this.#layout, epoch), table)
    await this.#below.flush?.()
    this.#isTableUncertain = false
    this.#epoch = epoch
    this.#flushedPlaces = this.#places()
    this.#isChanged = false
    await this.#discardBelow()
  }

  // Two that write would each overwrite what the other one has made durable.
  async #refuseSecondWriter() {
    const parts = { sealer: this.#sealer, layout: this.#layout }
    for (const slot of [0, 1]) {
      const head = Buffer.alloc(tableHeadBytes)
      await readBelow(this.#below, offsetOfTable(this.#layout, slot), head)
      if (head.readBigUInt64LE() <= BigInt(this.#epoch)) continue
      // One that a crash has torn counts for nothing.
      if ((await readTable(this.#below, parts)).epoch > this.#epoch) {
        throw failure('SEALED_CONFLICT', 'somebody else has written to the sealed store meanwhile')
      }
    }
  }

  // Pages that an uncertain table names must not be overwritten while it may turn out to count.
  async #settleTable() {
    if (!this.#isTableUncertain) return
    await this.#writeBelow(offsetOfTable(this.#layout, this.#epoch + 1), Buffer.alloc(headerBytes))
    await this.#below.flush?.()
    this.#isTableUncertain = false
  }

  // Space that is not given back costs nothing but space.
  async #discardBelow() {
    const pages = [...this.#discarded].filter((page) => !this.#isStored(page))
    this.#discarded.clear()
    for (const page of pages) {
      for (const place of [1, 2]) {
        const offset = offsetOfPage(this.#layout, page, place)
        try {
          await this.#below.discard?.(offset, this.#layout.pageBytes)
        } catch {
          return
        }
      }
    }
  }

  /** The bytes of a page, undefined for a hole. @param {number} page @param {AbortSignal} signal */
  async #loadPage(page, signal) {
    const unsaved = this.#unsaved.get(page)
    if (unsaved !== undefined || !this.#isStored(page)) return unsaved
    const entry = this.#entryOf(page)
    const ciphertext = Buffer.alloc(this.#layout.pageBytes)
    const place = entry.readUInt32LE(28)
    await readBelow(this.#below, offsetOfPage(this.#layout, page, place), ciphertext, signal)
    const sealed = { nonce: entry.subarray(0, 12), tag: entry.subarray(12, 28), ciphertext }
    const bytes = this.#sealer.open('page', page, sealed)
    if (bytes === undefined) {
      // Somebody else may have written since: then this page is somewhere else by now.
      if (await this.#follow()) return this.#loadPage(page, signal)
      throw failure('SEALED_DAMAGED', `page ${page} is not what was last written there`)
    }
    return bytes
  }

  /** Takes over the table of a later flush of somebody else; false where there is none. */
  async #follow() {
    if (this.capabilities.writable) return false
    const parts = { sealer: this.#sealer, layout: this.#layout }
    const { epoch, entries } = await readTable(this.#below, parts)
    if (epoch <= this.#epoch) return false
    this.#epoch = epoch
    this.#entries = entries
    return true
  }

  /** @param {number} page @param {Buffer} bytes all of the page */
  async #savePage(page, bytes) {
    const { nonce, tag, ciphertext } = this.#sealer.seal('page', page, bytes)
    const place = this.#flushedPlaces[page] === 1 ? 2 : 1
    this.#isChanged = true
    // Until the store below has taken it, what is there is neither the old page nor the new one.
    this.#unsaved.set(page, bytes)
    await this.#settleTable()
    await this.#writeBelow(offsetOfPage(this.#layout, page, place), ciphertext)
    const entry = this.#entryOf(page)
    entry.set(nonce, 0)
    entry.set(tag, 12)
    entry.writeUInt32LE(place, 28)
    this.#unsaved.delete(page)
  }

  /** @param {number} page */
  #dropPage(page) {
    this.#isChanged = true
    this.#unsaved.delete(page)
    this.#entryOf(page).fill(0)
    this.#discarded.add(page)
  }

  /** The page with a part of it replaced. @param {Part} part @param {Uint8Array} bytes */
  async #patched(part, bytes) {
    const isWhole = this.#isWhole(part)
    const old = isWhole ? undefined : await this.#loadPage(part.page, neverAborted)
    // A copy: the caller's memory, and what is unsaved, are not ours to keep or to change.
    const page = Buffer.alloc(this.#layout.pageBytes)
    if (old !== undefined) page.set(old)
    page.set(bytes, part.start)
    return page
  }

  /** @param {Part} part */
  #isWhole({ page, start, from, to }) {
    const { pageBytes, byteLength } = this.#layout
    const end = start + to - from
    return start === 0 && (end === pageBytes || page * pageBytes + end === byteLength)
  }

  /** @param {number} page */
  #isStored(page) {
    return this.#unsaved.has(page) || this.#entryOf(page).readUInt32LE(28) !== 0
  }

  /** @param {number} page */
  #entryOf(page) {
    return this.#entries.subarray(page * entryBytes, (page + 1) * entryBytes)
  }

  #places() {
    const { pageCount } = this.#layout
    return Uint8Array.from({ length: pageCount }, (_, page) => this.#entryOf(page).readUInt32LE(28))
  }

  /** @param {number} offset @param {Uint8Array} bytes */
  async #writeBelow(offset, bytes) {
    await writeBelow(this.#below, offset, bytes)
  }

  /** @typedef {{ page: number, start: number, from: number, to: number }} Part */

  /** @param {number} offset @param {number} byteLength @returns {Generator<Part>} */
  *#partsOf(offset, byteLength) {
    const { pageBytes } = this.#layout
    for (let from = 0; from < byteLength; ) {
      const start = (offset + from) % pageBytes
      const to = Math.min(from + pageBytes - start, byteLength)
      yield { page: (offset + from - start) / pageBytes, start, from, to }
      from = to
    }
  }

  /**
   * @template T
   * @param {number} offset @param {number} byteLength @param {boolean} isChange
   * @param {() => Promise<T>} call
   */
  async #run(offset, byteLength, isChange, call) {
    if (this.#closing !== undefined) throw failure(storeErrorCodes.closed, 'the store is closed')
    if (isChange && !this.capabilities.writable) {
      throw failure(storeErrorCodes.readOnly, 'the sealed store was opened read-only')
    }
    const isInside = offset >= 0 && byteLength >= 0 && offset + byteLength <= this.byteLength
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(byteLength) || !isInside) {
      throw failure(storeErrorCodes.range, `${byteLength} bytes at ${offset} are not in the store`)
    }
    const running = call()
    this.#inFlight.add(running)
    try {
      return await running
    } finally {
      this.#inFlight.delete(running)
    }
  }
}

const tableReadsMax = 5

/**
 * The table of the last flush.
 *
 * @param {PageStore} below
 * @param {{ sealer: Sealer, layout: Layout }} parts
 */
export async function readTable(below, { sealer, layout }) {
  for (let reads = 1; ; reads++) {
    const tables = []
    for (const slot of [0, 1]) {
      const bytes = Buffer.alloc(layout.tableBytes)
      await readBelow(below, offsetOfTable(layout, slot), bytes)
      const table = openTable(sealer, bytes, layout)
      if (table !== undefined && table.epoch % 2 === slot) tables.push(table)
    }
    const [newest] = tables.sort((a, b) => b.epoch - a.epoch)
    // One that is not whole was torn by a crash, or is being written: what it is going to be would
    // make the other one the last but two.
    if (newest !== undefined && (tables.length === 2 || newest.epoch === 1)) return newest
    if (reads === tableReadsMax) {
      if (newest !== undefined) return newest
      throw failure('SEALED_DAMAGED', 'no table of the sealed store is whole')
    }
    await setTimeout(5)
  }
}

/** Reads all of `target` from the store below; a hole is zeros. */
export async function readBelow(
  /** @type {PageStore} */ below,
  /** @type {number} */ offset,
  /** @type {Buffer} */ target,
  signal = neverAborted,
) {
  for (const part of callsOf(below, target)) {
    const result = await below.read(offset + part.from, part.bytes, { signal })
    if (result === 'hole') part.bytes.fill(0)
  }
}

/** Writes all of `source` to the store below. */
export async function writeBelow(
  /** @type {PageStore} */ below,
  /** @type {number} */ offset,
  /** @type {Uint8Array} */ source,
) {
  for (const { from, bytes } of callsOf(below, source)) {
    await below.write?.(offset + from, bytes, { signal: neverAborted })
  }
}

/** @param {PageStore} below @param {Uint8Array} bytes */
function* callsOf({ capabilities }, bytes) {
  const step = capabilities.callBytesMax
  for (let from = 0; from < bytes.length; from += step) {
    yield { from, bytes: bytes.subarray(from, from + step) }
  }
}

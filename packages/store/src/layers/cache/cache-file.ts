// The cache file and what memory knows of it. Invariant: an entry in the file whose epoch is not
// past the header's holds the bytes of the version that the header names. One thread; does not know
// the store.

import { randomBytes } from 'node:crypto'
import type { CacheIo } from './cache-io.ts'
import {
  type CacheEntry,
  type CacheHeader,
  decodeEntry,
  decodeHeader,
  encodeEntry,
  encodeHeader,
  entryBytes,
  headerBytes,
  idBytes,
  sumOf,
} from './format.ts'
import { HoleGroups } from './hole-groups.ts'
import { Slots } from './slots.ts'

/** What a file must be for, to be believed. */
export interface CacheFacts {
  readonly blockBytes: number
  readonly slotCount: number
  readonly groupCount: number
  readonly byteLength: number
  readonly versionKey: Uint8Array
}

const tableChunkBytes = 2 ** 20

/** An open cache file. */
export class CacheFile {
  readonly #io: CacheIo
  #header: CacheHeader
  readonly #slots: Slots
  readonly #holes: HoleGroups
  readonly #slotsAt: number
  #broken: unknown
  #destroyed = false

  private constructor(io: CacheIo, header: CacheHeader) {
    this.#io = io
    this.#header = header
    this.#slots = new Slots(header.slotCount)
    this.#holes = new HoleGroups(header.groupCount)
    this.#slotsAt = headerBytes + (header.slotCount + header.groupCount) * entryBytes
  }

  /**
   * Takes over what the file holds where it is for the same store at the same version and
   * `believes` it, else begins anew. Throws what the file system throws.
   */
  static async open(
    io: CacheIo,
    facts: CacheFacts,
    believes: (header: CacheHeader) => boolean,
  ): Promise<CacheFile> {
    const found = await readHeader(io)
    const header = found !== undefined && isFor(found, facts) ? found : undefined
    if (header !== undefined && believes(header)) {
      const file = new CacheFile(io, header)
      await file.#loadTable()
      return file
    }
    // An id of its own makes sure that no entry from before is ever believed, cut off or not.
    // Whether the store is ahead of its version does not change by that.
    const unflushed = header?.unflushed ?? false
    const fresh = { ...facts, id: randomBytes(idBytes), epoch: 1, unflushed }
    io.destroy()
    io.writeNow(0, encodeHeader(fresh))
    return new CacheFile(io, fresh)
  }

  get header(): CacheHeader {
    return this.#header
  }

  get blockCount(): number {
    return Math.ceil(this.#header.byteLength / this.#header.blockBytes)
  }

  /** Why the file is not used any more; undefined while it is. */
  get broken(): unknown {
    return this.#broken
  }

  /** Bytes that `block` has: fewer at the end of the store. */
  lengthOf(block: number): number {
    const { blockBytes, byteLength } = this.#header
    return Math.min(blockBytes, byteLength - block * blockBytes)
  }

  /** The slot of `block`, 'hole', or undefined where the file does not know it. */
  find(block: number): number | 'hole' | undefined {
    if (this.#broken !== undefined) {
      return undefined
    }
    return this.#holes.has(block) ? 'hole' : this.#slots.find(block)
  }

  /**
   * Reads `block` from `slot` into `target`, which is as long as the block. False where the bytes
   * are not those that were put there; the block is forgotten then.
   */
  async read(slot: number, block: number, target: Uint8Array): Promise<boolean> {
    this.#slots.pin(slot)
    const expected = Uint8Array.from(this.#slots.sum(slot))
    let holds = false
    try {
      const count = await this.#io.read(this.#positionOf(slot), target)
      holds = count === target.byteLength && Buffer.compare(sumOf(target), expected) === 0
    } catch {
      // What cannot be read is as good as torn.
    } finally {
      this.#slots.unpin(slot)
    }
    if (!holds && this.#slots.find(block) === slot) {
      this.forget(block, block)
    }
    return holds
  }

  /**
   * Puts the bytes of `block` into a slot; 'evicted' where another block had to leave. `isWanted`
   * is asked again before they count. Throws what the file system throws; the block is not in then.
   */
  async put(
    block: number,
    bytes: Uint8Array,
    epoch: number,
    isWanted: () => boolean,
  ): Promise<'put' | 'evicted' | 'refused'> {
    const claimed = this.#broken === undefined ? this.#slots.claim() : undefined
    if (claimed === undefined) {
      return 'refused'
    }
    const { slot, wasHeld } = claimed
    if (wasHeld && !this.#writeEntry(slot, undefined)) {
      return 'refused'
    }
    try {
      await this.#io.write(this.#positionOf(slot), bytes)
    } catch (error) {
      this.#slots.release(slot)
      throw error
    }
    if (!isWanted() || this.#broken !== undefined || this.find(block) !== undefined) {
      this.#slots.release(slot)
      return 'refused'
    }
    // From here on nothing waits, so that file and memory change together.
    const bits = sumOf(bytes)
    if (!this.#writeEntry(slot, { kind: 'block', index: block, epoch, bits })) {
      return 'refused'
    }
    this.#slots.publish(slot, block, bits)
    return wasHeld ? 'evicted' : 'put'
  }

  /** Remembers that the blocks from `first` to `last` are holes. */
  putHoles(first: number, last: number, epoch: number): void {
    const places = new Set<number>()
    for (let block = first; block <= last && this.#broken === undefined; block++) {
      const place = this.#holes.add(block, epoch)
      // The last group at a place wins, and only its entry is written.
      places.add(place)
    }
    for (const place of places) {
      this.#writeHoles(place)
    }
  }

  /**
   * Forgets the blocks from `first` to `last`, in the file too when this returns. Throws where the
   * file can neither be changed nor be made unbelievable.
   */
  forget(first: number, last: number): void {
    if (this.#broken !== undefined) {
      this.#destroy()
      return
    }
    const isSmall = last - first < this.#slots.size
    const blocks = isSmall ? range(first, last) : [...this.#slots.blocks()]
    for (const block of blocks) {
      const slot = block >= first && block <= last ? this.#slots.remove(block) : undefined
      if (slot !== undefined) {
        this.#writeEntry(slot, undefined)
      }
    }
    for (const place of this.#holes.remove(first, last)) {
      this.#writeHoles(place)
    }
    if (this.#broken !== undefined) {
      this.#destroy()
    }
  }

  /** Changes the header, in the file too. */
  setHeader(changes: Partial<Pick<CacheHeader, 'versionKey' | 'epoch' | 'unflushed'>>): void {
    this.#header = { ...this.#header, ...changes }
    this.#writeNow(0, encodeHeader(this.#header))
  }

  /** Makes durable what was forgotten. */
  async sync(): Promise<void> {
    if (this.#broken !== undefined) {
      return
    }
    try {
      await this.#io.sync()
    } catch (error) {
      this.#giveUp(error)
    }
  }

  close(): void {
    this.#io.close()
  }

  #positionOf(slot: number): number {
    return this.#slotsAt + slot * this.#header.blockBytes
  }

  #writeHoles(place: number): void {
    const group = this.#holes.at(place)
    const entry = group && ({ kind: 'holes', index: group.group, ...group } as const)
    this.#writeEntry(this.#header.slotCount + place, entry)
  }

  #writeEntry(place: number, entry: CacheEntry | undefined): boolean {
    const bytes = encodeEntry(entry, place, this.#header.id)
    return this.#writeNow(headerBytes + place * entryBytes, bytes)
  }

  // False where the file had to be given up: what it says about the past would be wrong soon.
  #writeNow(position: number, bytes: Uint8Array): boolean {
    if (this.#broken !== undefined) {
      return false
    }
    try {
      this.#io.writeNow(position, bytes)
      return true
    } catch (error) {
      this.#giveUp(error)
      return false
    }
  }

  #giveUp(error: unknown): void {
    this.#broken = error
    try {
      this.#destroy()
    } catch {
      // Tried again before anything is written to the store, which then fails: reads need not.
    }
  }

  #destroy(): void {
    if (!this.#destroyed) {
      this.#io.destroy()
      this.#destroyed = true
    }
  }

  async #loadTable(): Promise<void> {
    const { slotCount, groupCount } = this.#header
    const placeCount = slotCount + groupCount
    const chunk = Buffer.alloc(Math.min(tableChunkBytes, placeCount * entryBytes))
    const placesPerChunk = chunk.byteLength / entryBytes
    for (let first = 0; first < placeCount; first += placesPerChunk) {
      const count = Math.min(placesPerChunk, placeCount - first)
      const read = await this.#io.read(
        headerBytes + first * entryBytes,
        chunk.subarray(0, count * entryBytes),
      )
      chunk.fill(0, read)
      for (let index = 0; index < count; index++) {
        const bytes = chunk.subarray(index * entryBytes, (index + 1) * entryBytes)
        this.#loadEntry(first + index, decodeEntry(bytes, first + index, this.#header.id))
      }
    }
  }

  #loadEntry(place: number, entry: CacheEntry | 'invalid' | undefined): void {
    if (entry === undefined) {
      return
    }
    if (entry === 'invalid' || entry.epoch > this.#header.epoch || !this.#takes(place, entry)) {
      // An epoch that is still to come would make it true one day.
      this.#writeEntry(place, undefined)
    }
  }

  #takes(place: number, { kind, index, epoch, bits }: CacheEntry): boolean {
    const { slotCount, groupCount } = this.#header
    if (kind === 'block') {
      const fits = place < slotCount && index < this.blockCount
      if (fits && this.find(index) === undefined) {
        this.#slots.restore(place, index, bits)
        return true
      }
      return false
    }
    const fits = place >= slotCount && index % groupCount === place - slotCount
    if (fits) {
      this.#holes.restore(place - slotCount, index, epoch, bits)
    }
    return fits
  }
}

async function readHeader(io: CacheIo): Promise<CacheHeader | undefined> {
  const bytes = new Uint8Array(headerBytes)
  await io.read(0, bytes)
  const header = decodeHeader(bytes)
  return header === 'foreign' ? undefined : header
}

function isFor(header: CacheHeader, facts: CacheFacts): boolean {
  return (
    header.blockBytes === facts.blockBytes &&
    header.slotCount === facts.slotCount &&
    header.groupCount === facts.groupCount &&
    header.byteLength === facts.byteLength &&
    Buffer.compare(header.versionKey, facts.versionKey) === 0
  )
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

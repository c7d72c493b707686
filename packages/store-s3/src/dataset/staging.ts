// Written bytes that are not in a chunk object yet, by chunk. Memory holds only which bytes they
// are; the bytes are in the staging file. Nothing here waits or talks to the server.

import { RangeSet } from './range-set.ts'
import type { StagingFile } from './staging-file.ts'
import type { JournalRecord, StagingJournal } from './staging-journal.ts'

/** What is staged of one chunk. A chunk that is staged anew is another object. */
export interface StagedChunk {
  readonly chunk: number
  readonly ranges: RangeSet
  /** Block to slot. */
  readonly slots: Map<number, number>
  /** Counts the writes. */
  version: number
  /** The version that is in a chunk object; 0 for none. */
  uploadedVersion: number
  /** The upload that is under way. */
  uploading: Promise<void> | undefined
}

/** All staged bytes of a data set. */
export class Staging {
  readonly #file: StagingFile
  readonly #journal: StagingJournal | undefined
  readonly #chunks = new Map<number, StagedChunk>()

  /** The slots of `file` are the blocks of chunks. What happens is told to `journal`. */
  constructor(file: StagingFile, journal: StagingJournal | undefined) {
    this.#file = file
    this.#journal = journal
  }

  /** Goes back to where an earlier opening was: all of it counts as written just now. */
  restore(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record[0] === 'drop') {
        this.#chunks.delete(record[1])
      } else if (record[0] === 'write') {
        const [, chunk, at, byteLength, slots] = record
        const staged = this.#chunks.get(chunk) ?? this.#add(chunk)
        staged.version += 1
        staged.ranges.add(at, at + byteLength)
        const first = Math.floor(at / this.#file.slotBytes)
        for (const [index, slot] of slots.entries()) {
          staged.slots.set(first + index, slot)
        }
      }
    }
    this.#file.adopt(new Set(this.all().flatMap(({ slots }) => [...slots.values()])))
  }

  /** What `restore` needs. */
  records(): JournalRecord[] {
    return this.all().flatMap((staged) =>
      staged.ranges
        .within(0, Number.MAX_SAFE_INTEGER)
        .map(({ from, to }) => this.#recordOf(staged, from, to)),
    )
  }

  get usedBytes(): number {
    return this.#file.usedBytes
  }

  get(chunk: number): StagedChunk | undefined {
    return this.#chunks.get(chunk)
  }

  all(): StagedChunk[] {
    return [...this.#chunks.values()]
  }

  /** Chunks with writes that no chunk object has. */
  dirty(): StagedChunk[] {
    return this.all().filter((staged) => staged.version !== staged.uploadedVersion)
  }

  /** Throws what the staging file throws; the range is then undefined until it is written again. */
  write(chunk: number, at: number, bytes: Uint8Array): void {
    const staged = this.#chunks.get(chunk) ?? this.#add(chunk)
    staged.version += 1
    const { slotBytes } = this.#file
    for (let done = 0; done < bytes.byteLength; ) {
      const block = Math.floor((at + done) / slotBytes)
      const inBlock = at + done - block * slotBytes
      const part = bytes.subarray(done, done + slotBytes - inBlock)
      this.#file.write(this.#slotOf(staged, block), inBlock, part)
      done += part.byteLength
    }
    staged.ranges.add(at, at + bytes.byteLength)
    this.#journal?.append(this.#recordOf(staged, at, at + bytes.byteLength))
  }

  /** Copies what is staged of `chunk` from `at` on over `target`. */
  overlay(chunk: number, at: number, target: Uint8Array): void {
    const staged = this.#chunks.get(chunk)
    const { slotBytes } = this.#file
    for (const { from, to } of staged?.ranges.within(at, at + target.byteLength) ?? []) {
      for (let position = from; position < to; ) {
        const block = Math.floor(position / slotBytes)
        const end = Math.min(to, (block + 1) * slotBytes)
        const slot = staged?.slots.get(block) as number
        this.#file.read(
          slot,
          position - block * slotBytes,
          target.subarray(position - at, end - at),
        )
        position = end
      }
    }
  }

  drop(chunk: number): void {
    const staged = this.#chunks.get(chunk)
    if (staged === undefined) {
      return
    }
    this.#journal?.append(['drop', chunk])
    this.#chunks.delete(chunk)
    for (const slot of staged.slots.values()) {
      this.#file.give(slot)
    }
  }

  close(): void {
    this.#chunks.clear()
    this.#file.close()
  }

  #add(chunk: number): StagedChunk {
    const staged: StagedChunk = {
      chunk,
      ranges: new RangeSet(),
      slots: new Map(),
      version: 0,
      uploadedVersion: 0,
      uploading: undefined,
    }
    this.#chunks.set(chunk, staged)
    return staged
  }

  #recordOf(staged: StagedChunk, from: number, to: number): JournalRecord {
    const { slotBytes } = this.#file
    const slots: number[] = []
    for (let block = Math.floor(from / slotBytes); block * slotBytes < to; block++) {
      slots.push(staged.slots.get(block) as number)
    }
    return ['write', staged.chunk, from, to - from, slots]
  }

  #slotOf(staged: StagedChunk, block: number): number {
    const slot = staged.slots.get(block) ?? this.#file.take()
    staged.slots.set(block, slot)
    return slot
  }
}

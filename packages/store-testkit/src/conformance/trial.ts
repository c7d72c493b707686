// What one conformance test works with: its data set, the stores it has open, and the places in the
// data set that are worth a look. Closes and removes everything when the test has ended.

import { randomUUID } from 'node:crypto'
import type { PageStore, StoreAccess, StoreSource } from '@umap/store'
import { hashWords, Random } from '../random.ts'
import { fail, show } from './expect.ts'
import { type CheckedOptions, type ConformanceDataSet, conformancePagesMin } from './options.ts'
import { Subject } from './subject.ts'

/** Thrown by a test that does not apply to this store. */
export class NotApplicable extends Error {}

/** A part of a data set. */
export interface ByteRange {
  readonly offset: number
  readonly byteLength: number
}

// Tests of whole data sets go this far, so that a store of terabytes can be tested too.
const wholeBytesMax = 16 * 2 ** 20

/** The work place of one test. */
export class Trial {
  readonly options: CheckedOptions
  readonly random: Random
  readonly #id: string
  readonly #opened: PageStore[] = []
  #subject: Subject | undefined

  constructor(options: CheckedOptions, name: string) {
    this.options = options
    const slug = name.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)
    this.#id = `${slug}-${randomUUID().slice(0, 8)}`
    // Each test has bytes of its own: with one data set for all, none finds its own there already.
    this.random = new Random(hashWords(options.seed, ...Buffer.from(name)))
  }

  /** The store that the test began with, opened for reading and writing. */
  get subject(): Subject {
    if (this.#subject === undefined) {
      fail('the test has no open store')
    }
    return this.#subject
  }

  get pageBytes(): number {
    return this.options.pageBytes
  }

  /** Opens the data set of this test for the first time. */
  async open(): Promise<void> {
    this.#subject = await this.#take('open', 'read-write')
    const { byteLength } = this.#subject
    if (byteLength < conformancePagesMin * this.pageBytes) {
      fail(
        `open gave a store of ${byteLength} bytes; the tests need ${conformancePagesMin} pages of` +
          ` ${this.pageBytes} bytes (option pageBytes)`,
      )
    }
  }

  /** Closes `subject` and opens the data set again. */
  async reopen(access: StoreAccess = 'read-write'): Promise<Subject> {
    await this.subject.close()
    return this.openAgain(access)
  }

  /** Opens the data set again; whatever had it open is closed, or dead. */
  async openAgain(access: StoreAccess = 'read-write'): Promise<Subject> {
    this.#subject = await this.#take('reopen', access)
    return this.#subject
  }

  /** Opens the data set for reading beside `subject`; skips the test where the store refuses. */
  async openReaderBeside(): Promise<Subject> {
    try {
      return await this.#take('reopen', 'read-only')
    } catch {
      return this.skip('reopen gives no reader beside a writer')
    }
  }

  /** The reference to the data set; skips the test where there is none. */
  ref(): StoreSource {
    const ref = this.options.ref?.(this.#dataSet('read-write'))
    return ref ?? this.skip('the option ref is not given')
  }

  /** Ends the test without a verdict. */
  skip(reason: string): never {
    throw new NotApplicable(reason)
  }

  /** Closes what the test has left open, and removes its data set. */
  async end(): Promise<void> {
    for (const store of this.#opened) {
      const subject = new Subject(store, this.options.deadlineMs)
      // One that hangs or fails here is the affair of the tests of close.
      await subject.start('close', () => store.close()).settled.catch(() => undefined)
    }
    await this.options.remove?.(this.#dataSet('read-write'))
  }

  /** `count` ranges of one page each, different ones, from the first to the last of `wholeBytes`. */
  pages(count: number): ByteRange[] {
    const pageCount = Math.floor(this.wholeBytes / this.pageBytes)
    const wanted = Math.min(count, pageCount)
    return Array.from({ length: wanted }, (_, index) => ({
      offset: Math.floor((index * (pageCount - 1)) / Math.max(1, wanted - 1)) * this.pageBytes,
      byteLength: this.pageBytes,
    }))
  }

  /** The bytes behind the last whole page; skips the test where there are none. */
  tail(): ByteRange {
    const { byteLength } = this.subject
    const tailBytes = byteLength % this.pageBytes
    return tailBytes === 0
      ? this.skip(`the data set ends with a whole page of ${this.pageBytes} bytes`)
      : { offset: byteLength - tailBytes, byteLength: tailBytes }
  }

  /** How much of the data set the tests of whole data sets look at. */
  get wholeBytes(): number {
    return Math.min(this.subject.byteLength, wholeBytesMax)
  }

  /** The whole data set, cut into calls of `callBytes`, a multiple of the page, at most. */
  calls(callBytes: number): ByteRange[] {
    const step = Math.max(this.pageBytes, callBytes - (callBytes % this.pageBytes))
    const end = this.wholeBytes
    return Array.from({ length: Math.ceil(end / step) }, (_, index) => ({
      offset: index * step,
      byteLength: Math.min(step, end - index * step),
    }))
  }

  /** Calls that cover the whole data set, as long as the store wants them. */
  largestCalls(): ByteRange[] {
    return this.calls(Math.min(this.subject.store.capabilities.callBytesMax, 2 ** 20))
  }

  /** All the bytes of the data set, as far as `wholeBytes`. */
  async readWhole(): Promise<Uint8Array> {
    const whole = new Uint8Array(this.wholeBytes)
    for (const { offset, byteLength } of this.largestCalls()) {
      whole.set(await this.subject.bytes(offset, byteLength), offset)
    }
    return whole
  }

  /** Writes all of `bytes`, which begin at 0. */
  async writeWhole(bytes: Uint8Array): Promise<void> {
    for (const { offset, byteLength } of this.largestCalls()) {
      await this.subject.write(offset, bytes.subarray(offset, offset + byteLength))
    }
  }

  /** Writes bytes that are no zeros, where the store can be written; returns what is there. */
  async prepareBytes(): Promise<Uint8Array> {
    if (!this.subject.store.capabilities.writable) {
      return this.readWhole()
    }
    const bytes = this.random.bytes(this.wholeBytes)
    await this.writeWhole(bytes)
    await this.subject.flush()
    return bytes
  }

  /** Compares the whole data set with `bytes`. */
  async expectWhole(bytes: Uint8Array, what: string): Promise<void> {
    for (const { offset, byteLength } of this.largestCalls()) {
      await this.subject.expectBytes(offset, bytes.subarray(offset, offset + byteLength), what)
    }
  }

  async #take(how: 'open' | 'reopen', access: StoreAccess): Promise<Subject> {
    let store: PageStore
    try {
      store = await this.options[how](this.#dataSet(access))
    } catch (error) {
      fail(`${how} (${access}) was rejected with ${show(error)}`, error)
    }
    if (store === null || typeof store !== 'object' || typeof store.close !== 'function') {
      fail(`${how} gave ${show(store)}, which is no store`)
    }
    this.#opened.push(store)
    return new Subject(store, this.options.deadlineMs)
  }

  #dataSet(access: StoreAccess): ConformanceDataSet {
    return { id: this.#id, byteLength: this.options.byteLength, access }
  }
}

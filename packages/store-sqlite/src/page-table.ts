// A data set as one range of bytes: cuts calls of any offset and length into pages, keeps zeros out
// of the database, and wraps what is written in transactions. Runs in the store host; everything
// is done when it returns.

import type { Connection, Statement } from './connection.ts'
import { PageRows, type PageRowsFacts } from './page-rows.ts'

/** What a table has to know of its data set. */
export interface PageTableFacts extends PageRowsFacts {
  readonly byteLength: number
  readonly pageBytes: number
}

/** The bytes of one data set, over one connection. */
export class PageTable {
  readonly #connection: Connection
  readonly #facts: PageTableFacts
  readonly #rows: PageRows
  readonly #zeros: Buffer
  readonly #setVersion: Statement<[string, number], unknown>

  constructor(connection: Connection, facts: PageTableFacts) {
    this.#connection = connection
    this.#facts = facts
    this.#rows = new PageRows(connection, facts)
    this.#zeros = Buffer.alloc(facts.pageBytes)
    this.#setVersion = connection.prepare<[string, number]>(
      'UPDATE umap_data_set SET version = ? WHERE id = ?',
    )
  }

  /** Fills `target`, and returns true; or returns false, where the whole range is a hole. */
  read(offset: number, target: Uint8Array): boolean {
    const end = offset + target.byteLength
    const rows = this.#rows.pages(this.#pageAt(offset), this.#pageAt(end - 1))
    if (rows.length === 0 || target.byteLength === 0) {
      return rows.length > 0
    }
    let done = offset
    for (const row of rows) {
      const start = this.#start(row[0])
      const from = Math.max(start, offset)
      const to = Math.min(start + this.#length(row[0]), end)
      const bytes = this.#rows.bytes(row, this.#length(row[0])).subarray(from - start, to - start)
      target.fill(0, done - offset, from - offset)
      target.set(bytes, from - offset)
      done = from + bytes.byteLength
    }
    target.fill(0, done - offset)
    return true
  }

  /** Stages `source`. All of it is staged, or, where this throws, nothing. */
  write(offset: number, source: Uint8Array): void {
    if (source.byteLength > 0) {
      this.#transact(() => this.#overwrite(offset, source.byteLength, source))
    }
  }

  /** Stages holes: all of the range or, where this throws, nothing. */
  discard(offset: number, byteLength: number): void {
    if (byteLength > 0) {
      this.#transact(() => this.#erase(offset, byteLength))
    }
  }

  /** Makes what is staged the data set's state, under the name `version`, in one transaction. */
  flush(version: string): void {
    this.#connection.pragma('synchronous = FULL')
    try {
      this.#transact(() => {
        this.#rows.publish()
        this.#setVersion.run(version, this.#facts.id)
      })
    } finally {
      this.#connection.pragma('synchronous = NORMAL')
    }
  }

  /** Whether `flush` has something to do. */
  hasStaged(): boolean {
    return this.#rows.hasStaged()
  }

  /** Forgets what was written since the last flush. */
  dropStaged(): void {
    this.#transact(() => this.#rows.dropStaged())
  }

  #transact(body: () => void): void {
    // Takes the write lock at once: a transaction that becomes a writer later can fail half way.
    this.#connection.exec('BEGIN IMMEDIATE')
    try {
      body()
      this.#connection.exec('COMMIT')
    } catch (error) {
      // After some errors, such as a full disk, SQLite has rolled back already.
      if (this.#connection.inTransaction) {
        this.#connection.exec('ROLLBACK')
      }
      throw error
    } finally {
      this.#rows.refresh()
    }
  }

  #erase(offset: number, byteLength: number): void {
    const { pageBytes } = this.#facts
    const end = offset + byteLength
    const first = Math.ceil(offset / pageBytes)
    const last = end === this.#facts.byteLength ? this.#pageAt(end - 1) : this.#pageAt(end) - 1
    if (first > last) {
      this.#overwrite(offset, byteLength)
      return
    }
    this.#overwrite(offset, this.#start(first) - offset)
    this.#rows.dig(first, last)
    const wholeEnd = Math.min(this.#start(last + 1), end)
    this.#overwrite(wholeEnd, end - wholeEnd)
  }

  /** Without `source`, with zeros. */
  #overwrite(offset: number, byteLength: number, source?: Uint8Array): void {
    for (let done = 0; done < byteLength; ) {
      const page = this.#pageAt(offset + done)
      const at = offset + done - this.#start(page)
      const length = Math.min(this.#length(page) - at, byteLength - done)
      if (length === this.#length(page) && source !== undefined) {
        this.#put(page, source.subarray(done, done + length))
      } else {
        const bytes = this.#page(page)
        bytes.set(
          (source ?? this.#zeros).subarray(source ? done : 0, (source ? done : 0) + length),
          at,
        )
        this.#put(page, bytes)
      }
      done += length
    }
  }

  #put(page: number, bytes: Uint8Array): void {
    if (this.#zeros.compare(bytes, 0, bytes.byteLength, 0, bytes.byteLength) === 0) {
      this.#rows.dig(page, page)
    } else {
      this.#rows.put(page, bytes)
    }
  }

  #page(page: number): Uint8Array {
    const bytes = new Uint8Array(this.#length(page))
    const row = this.#rows.pages(page, page)[0]
    if (row !== undefined) {
      bytes.set(this.#rows.bytes(row, bytes.byteLength))
    }
    return bytes
  }

  #pageAt(offset: number): number {
    return Math.floor(offset / this.#facts.pageBytes)
  }

  #start(page: number): number {
    return page * this.#facts.pageBytes
  }

  // The last page ends with the data set.
  #length(page: number): number {
    return Math.min(this.#facts.pageBytes, this.#facts.byteLength - this.#start(page))
  }
}

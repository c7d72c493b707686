// The rows of one data set: which pages there are, their bytes, their checksums. Knows SQL and
// single pages only; `page-table.ts` turns ranges of bytes into calls of this. Runs in the store
// host, inside a transaction of the caller's where it writes.

import { crc32 } from 'node:zlib'
import { StoreError } from '@umap/store'
import type { Connection, Statement } from './connection.ts'
import { sqliteErrorCodes } from './errors.ts'

/** Page number, checksum, id of the bytes; the last two are null where the page is a hole now. */
export type PageRow = [page: number, checksum: number | null, dataId: number | null]

type Range = [dataSet: number, first: number, last: number]

// The plus signs hide the parameters from the planner. Built with STAT4, SQLite compiles a statement
// anew for every value that might make for another plan, which took most of the time of a read.
const inRange = 'WHERE data_set = +? AND page BETWEEN +? AND +?'
const flushedRows = `SELECT page, checksum, data_id FROM umap_page ${inRange}`
const stagedRows = `SELECT page, checksum, data_id FROM umap_staged ${inRange}`
const currentRows = `${stagedRows} UNION ALL ${flushedRows} AND page NOT IN
  (SELECT page FROM umap_staged ${inRange})`

/** Which rows, and for whom. */
export interface PageRowsFacts {
  /** Id of the data set. */
  readonly id: number
  /** Names the data set in errors. */
  readonly label: string
  /** What is staged is there for the writer only. */
  readonly isWriter: boolean
}

/** The rows of one data set. */
export class PageRows {
  readonly #dataSet: number
  readonly #isWriter: boolean
  readonly #label: string
  readonly #flushed: Statement<Range, PageRow>
  readonly #staged: Statement<Range, PageRow>
  readonly #current: Statement<[...Range, ...Range, ...Range], PageRow>
  readonly #data: Statement<[number], unknown>
  readonly #isFlushed: Statement<[number, number], number>
  readonly #insertData: Statement<[Uint8Array], unknown>
  readonly #updateData: Statement<[Uint8Array, number], unknown>
  readonly #stage: Statement<[number, number, number | null, number | null], unknown>
  readonly #publishing: readonly Statement<[number], unknown>[]
  readonly #dropping: readonly Statement<Range, unknown>[]
  readonly #digging: Statement<Range, unknown>
  readonly #seed = Buffer.alloc(8)
  #hasStaged: boolean

  constructor(connection: Connection, { id, label, isWriter }: PageRowsFacts) {
    const prepare = <P extends unknown[], R = unknown>(sql: string) =>
      connection.prepare<P, R>(sql) as unknown as Statement<P, R>
    this.#dataSet = id
    this.#isWriter = isWriter
    this.#label = label
    this.#flushed = prepare<Range, PageRow>(`${flushedRows} ORDER BY page`).raw()
    this.#staged = prepare<Range, PageRow>(stagedRows).raw()
    this.#current = prepare<[...Range, ...Range, ...Range], PageRow>(
      `${currentRows} ORDER BY page`,
    ).raw()
    this.#data = prepare<[number]>('SELECT data FROM umap_page_data WHERE id = ?').pluck()
    this.#isFlushed = prepare<[number, number], number>(
      'SELECT 1 FROM umap_page WHERE data_set = ? AND page = ?',
    ).pluck()
    this.#insertData = prepare('INSERT INTO umap_page_data (data) VALUES (?)')
    this.#updateData = prepare('UPDATE umap_page_data SET data = ? WHERE id = ?')
    this.#stage = prepare('INSERT OR REPLACE INTO umap_staged VALUES (?, ?, ?, ?)')
    this.#publishing = publishing.map((sql) => prepare<[number]>(sql))
    this.#dropping = dropping.map((sql) => prepare<Range>(sql))
    this.#digging = prepare(`INSERT INTO umap_staged
      SELECT data_set, page, NULL, NULL FROM umap_page ${inRange}`)
    this.#hasStaged = this.hasStaged()
  }

  /** The pages from `first` to `last` that are there, in order, unflushed ones included. */
  pages(first: number, last: number): PageRow[] {
    const range: Range = [this.#dataSet, first, last]
    return this.#hasStaged
      ? this.#current.all(...range, ...range, ...range).filter((row) => row[2] !== null)
      : this.#flushed.all(...range)
  }

  /** The bytes of a page; at most `byteLength`, and zeros behind them where they are fewer. */
  bytes([page, checksum, dataId]: PageRow, byteLength: number): Uint8Array {
    const data = this.#data.get(dataId ?? -1)
    if (!(data instanceof Uint8Array)) {
      throw this.#broken(sqliteErrorCodes.corrupt, page, 'has no bytes, though it is there')
    }
    if (this.#checksum(page, data) !== checksum) {
      throw this.#broken(sqliteErrorCodes.checksum, page, 'has a wrong checksum')
    }
    if (data.byteLength > byteLength) {
      throw this.#broken(sqliteErrorCodes.corrupt, page, `is longer than ${byteLength} bytes`)
    }
    return data
  }

  /** Stages `bytes` as those of `page`. */
  put(page: number, bytes: Uint8Array): void {
    const staged = this.#stagedData(page)
    const checksum = this.#checksum(page, bytes)
    if (staged !== undefined && staged !== null) {
      this.#updateData.run(bytes, staged)
      this.#stage.run(this.#dataSet, page, checksum, staged)
      return
    }
    const dataId = Number(this.#insertData.run(bytes).lastInsertRowid)
    this.#stage.run(this.#dataSet, page, checksum, dataId)
    this.#hasStaged = true
  }

  /** Stages holes for the pages from `first` to `last`. */
  dig(first: number, last: number): void {
    if (this.#hasStaged) {
      this.#drop(first, last)
    } else if (first === last && this.#isFlushed.get(this.#dataSet, first) === undefined) {
      return
    }
    const { changes } = this.#digging.run(this.#dataSet, first, last)
    this.#hasStaged ||= changes > 0
  }

  /** Makes what is staged the state of the data set. */
  publish(): void {
    for (const statement of this.#publishing) {
      statement.run(this.#dataSet)
    }
  }

  /** Forgets what is staged. */
  dropStaged(): void {
    this.#drop(0, Number.MAX_SAFE_INTEGER)
  }

  /** Whether the writer has something staged, by the database's word. */
  hasStaged(): boolean {
    return (
      this.#isWriter && this.#staged.get(this.#dataSet, 0, Number.MAX_SAFE_INTEGER) !== undefined
    )
  }

  /** To be called after a transaction that wrote, however it ended. */
  refresh(): void {
    this.#hasStaged = this.hasStaged()
  }

  #drop(first: number, last: number): void {
    for (const statement of this.#dropping) {
      statement.run(this.#dataSet, first, last)
    }
  }

  /** Undefined: nothing is staged; null: a hole is; else the id of the staged bytes. */
  #stagedData(page: number): number | null | undefined {
    return this.#hasStaged ? this.#staged.get(this.#dataSet, page, page)?.[2] : undefined
  }

  // With the page's number, so that bytes that got to another page are found out too.
  #checksum(page: number, bytes: Uint8Array): number {
    this.#seed.writeUInt32LE(page % 2 ** 32, 0)
    this.#seed.writeUInt32LE(Math.floor(page / 2 ** 32), 4)
    return crc32(bytes, crc32(this.#seed))
  }

  #broken(code: string, page: number, what: string): StoreError {
    return new StoreError(`${this.#label} is damaged: its page ${page} ${what}`, { code })
  }
}

// In this order: the bytes that are replaced, then the numbers that lead to them. The parameter of
// each is the data set.
const publishing: readonly string[] = [
  `DELETE FROM umap_page_data WHERE id IN (
     SELECT p.data_id FROM umap_staged s
     JOIN umap_page p ON p.data_set = s.data_set AND p.page = s.page WHERE s.data_set = ?)`,
  `DELETE FROM umap_page WHERE (data_set, page) IN (
     SELECT data_set, page FROM umap_staged WHERE data_set = ? AND data_id IS NULL)`,
  `INSERT OR REPLACE INTO umap_page
     SELECT data_set, page, checksum, data_id FROM umap_staged
     WHERE data_set = ? AND data_id IS NOT NULL`,
  'DELETE FROM umap_staged WHERE data_set = ?',
]

const dropping: readonly string[] = [
  `DELETE FROM umap_page_data WHERE id IN (SELECT data_id FROM umap_staged ${inRange})`,
  `DELETE FROM umap_staged ${inRange}`,
]

// Measured program: random reads and a scan of pages that are rows of an SQLite database; `make` writes
// them. Prints touchesPerSecond and megabytesPerSecond.
import { crc32 } from 'node:zlib'
import { umap } from '@umap/core'
import { sqliteStore } from '@umap/store-sqlite'
import Database from 'better-sqlite3'
import { valueAt } from '../pattern.ts'
import { checkValue, Indices, sumPages } from './measure.ts'
import { chooseMemory, printFigures, secondsSince, startProgram } from './options.ts'

const options = startProgram()
const { file, fileBytes, bufferBytes, pageBytes, touches } = options
const pageValues = pageBytes / 8
const pageCount = fileBytes / pageBytes

/** Reads one page: the array that holds it, and where it begins. */
type ReadPage = (number: number) => { readonly values: Float64Array; readonly first: number }

async function make(): Promise<Record<string, number>> {
  const store = sqliteStore({ path: file, create: true, byteLength: fileBytes })
  await using region = await umap({ store, access: 'read-write', buffer: { bytes: bufferBytes } })
  const values = region.view(Float64Array)
  for (let index = 0; index < values.length; index++) values[index] = valueAt(index)
  return {}
}

function touchPages(read: ReadPage): number {
  const indices = new Indices(pageCount)
  const startedMs = performance.now()
  for (let touch = 0; touch < touches; touch++) {
    const number = indices.next()
    const { values, first } = read(number)
    checkValue(number * pageValues, values[first])
  }
  return touches / secondsSince(startedMs)
}

function scan(read: ReadPage): number {
  const startedMs = performance.now()
  sumPages(fileBytes, pageBytes, read)
  return fileBytes / 1e6 / secondsSince(startedMs)
}

async function withRegion(work: (read: ReadPage) => number): Promise<number> {
  const store = sqliteStore({ path: file })
  await using region = await umap({ store, pageBytes, buffer: { bytes: bufferBytes } })
  const values = region.view(Float64Array)
  return work((number) => ({ values, first: number * pageValues }))
}

async function measureRegion(): Promise<Record<string, number>> {
  return {
    touchesPerSecond: await withRegion(touchPages),
    megabytesPerSecond: await withRegion(scan),
  }
}

async function measureDirect(isChecked: boolean): Promise<Record<string, number>> {
  const database = new Database(file, { readonly: true })
  database.pragma(`cache_size = ${-bufferBytes / 1024}`)
  database.exec('BEGIN')
  const from = 'FROM umap_page p JOIN umap_page_data d ON d.id = p.data_id WHERE p.data_set = 1'
  const one = database.prepare<[number], Buffer>(`SELECT d.data ${from} AND p.page = ?`).pluck()
  const all = database.prepare<[], Buffer>(`SELECT d.data ${from} ORDER BY p.page`).pluck()
  const target = new Float64Array(pageValues)
  const targetBytes = new Uint8Array(target.buffer)
  const take = (data: Buffer | undefined) => {
    if (data === undefined) throw new Error('a row is missing')
    if (isChecked) crc32(data)
    targetBytes.set(data)
    return { values: target, first: 0 }
  }
  const touchesPerSecond = touchPages((number) => take(one.get(number)))
  // The rows come in order, so that one statement gives them all.
  const rows = all.iterate()
  const megabytesPerSecond = scan(() => take(rows.next().value))
  rows.return?.()
  database.close()
  return { touchesPerSecond, megabytesPerSecond }
}

const figures = await chooseMemory(options, {
  make,
  region: measureRegion,
  direct: () => measureDirect(false),
  'direct-checked': () => measureDirect(true),
})
printFigures(figures)

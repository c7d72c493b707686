// node packages/store-sqlite/bench/measure.mjs [MIB] [ROUNDS]: fault latency over SQLite through
// umap, random and sequential reading, each beside better-sqlite3 alone on the same rows. Prints one
// line a round; the medians of several rounds are what counts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { umap } from '@umap/core'
import { sqliteStore } from '@umap/store-sqlite'
import Database from 'better-sqlite3'

const byteLength = Number(process.argv[2] ?? 512) * 2 ** 20
const rounds = Number(process.argv[3] ?? 5)
const pageBytes = 65536
const pageCount = byteLength / pageBytes
const touches = 4000
const folder = mkdtempSync(path.join(tmpdir(), 'umap-sqlite-bench-'))
const file = path.join(folder, 'bench.db')
const bufferBytes = byteLength / 8

/**
 * No stride that read-ahead could find.
 * @param {number} index
 */
function randomPage(index) {
  let word = Math.imul(index + 1, 0x9e3779b1)
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return ((word ^ (word >>> 16)) >>> 0) % pageCount
}

/** @param {number[]} latencies */
function summary(latencies) {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (/** @type {number} */ part) =>
    (sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(0)
  return `p50 ${at(0.5)} us, p99 ${at(0.99)} us`
}

/** @param {(page: number) => number} touch */
function random(touch) {
  const latencies = []
  let total = 0
  const start = performance.now()
  for (let index = 0; index < touches; index++) {
    const before = process.hrtime.bigint()
    // Summed up, for a load whose value nobody uses is optimized away.
    total += touch(randomPage(index))
    latencies.push(Number(process.hrtime.bigint() - before) / 1e3)
  }
  return {
    perSecond: (touches / (performance.now() - start)) * 1e3,
    text: summary(latencies),
    total,
  }
}

/** @param {() => unknown} scan */
function megabytesPerSecond(scan) {
  const start = performance.now()
  scan()
  return byteLength / (performance.now() - start) / 1e3
}

/** @param {Float64Array} values */
function sum(values) {
  let total = 0
  for (let index = 0; index < values.length; index++) total += values[index] ?? 0
  return total
}

async function ours() {
  const open = () => umap({ store: sqliteStore({ path: file }), buffer: { bytes: bufferBytes } })
  const region = await open()
  const view = region.view(Float64Array)
  const touched = random((page) => view[(page * pageBytes) / 8] ?? 0)
  await region.close()
  const scanned = await open()
  const values = scanned.view(Float64Array)
  const scan = megabytesPerSecond(() => sum(values))
  await scanned.close()
  return { touched, scan }
}

/** @param {boolean} checks whether to verify the checksum, as the store does */
function alone(checks) {
  const database = new Database(file, { readonly: true })
  database.exec('BEGIN')
  const from = 'FROM umap_page p JOIN umap_page_data d ON d.id = p.data_id WHERE data_set = 1'
  const one = database.prepare(`SELECT d.data ${from} AND page = ?`).pluck()
  const all = database.prepare(`SELECT d.data ${from} ORDER BY page`).pluck()
  const target = new Uint8Array(pageBytes)
  const touched = random((page) => {
    const data = /** @type {Buffer} */ (one.get(page))
    if (checks) crc32(data)
    target.set(data)
    return target[0] ?? 0
  })
  const scan = megabytesPerSecond(() => {
    for (const row of all.iterate()) {
      const data = /** @type {Buffer} */ (row)
      if (checks) crc32(data)
      sum(new Float64Array(data.buffer, data.byteOffset, data.byteLength / 8))
    }
  })
  database.close()
  return { touched, scan }
}

/**
 * @param {string} name
 * @param {{ touched: { perSecond: number, text: string }, scan: number }} result
 */
function report(name, { touched, scan }) {
  const perSecond = touched.perSecond.toFixed(0)
  console.log(`${name}: random ${touched.text}, ${perSecond}/s; scan ${scan.toFixed(0)} MB/s`)
}

try {
  const store = sqliteStore({ path: file, create: true, byteLength })
  const region = await umap({ store, access: 'read-write', buffer: { bytes: bufferBytes } })
  const view = region.view(Float64Array)
  const start = performance.now()
  for (let index = 0; index < view.length; index++) view[index] = index + 1
  await region.close()
  console.log(`written: ${(byteLength / (performance.now() - start) / 1e3).toFixed(0)} MB/s`)
  for (let round = 0; round < rounds; round++) {
    report('umap', await ours())
    report('better-sqlite3', alone(false))
    report('better-sqlite3 with CRC-32', alone(true))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

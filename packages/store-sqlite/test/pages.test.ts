// What is in the rows: calls of any offset and length against plain memory, holes by counting rows,
// damaged bytes, several data sets in one database.

import { expect, it } from 'vitest'
import { Random, testSeed } from './random.mjs'
import { describeSqlite, integrity, openStore, query, queryNumber } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()
const rows = 'SELECT count(*) FROM umap_page'
const dataRows = 'SELECT count(*) FROM umap_page_data'

function readAll(store: { byteLength: number; read(offset: number, target: Uint8Array): unknown }) {
  const bytes = Buffer.alloc(store.byteLength, 0xaa)
  if (store.read(0, bytes) === 'hole') {
    bytes.fill(0)
  }
  return bytes
}

describeSqlite('calls of any offset and length', () => {
  it.each([512, 4096, 65536])('agree-with-memory-over-rows-of-%i-bytes', async (pageBytes) => {
    const seed = testSeed(`rows of ${pageBytes}`)
    const random = new Random(seed)
    const file = newPath()
    const byteLength = 20 * pageBytes + random.below(pageBytes) + 1
    let store = await openStore({ path: file, create: true, byteLength, pageBytes })
    const expected = Buffer.alloc(byteLength)
    let flushed = Buffer.from(expected)
    for (let step = 0; step < 300; step++) {
      const offset = random.below(byteLength)
      const length = Math.min(random.below(4 * pageBytes) + 1, byteLength - offset)
      const action = random.below(20)
      if (action < 8) {
        const bytes = action < 2 ? new Uint8Array(length) : random.bytes(length)
        store.write(offset, bytes)
        expected.set(bytes, offset)
      } else if (action < 12) {
        store.discard(offset, length)
        expected.fill(0, offset, offset + length)
      } else if (action < 17) {
        const target = Buffer.alloc(length, 0xaa)
        const isHole = store.read(offset, target) === 'hole'
        const wanted = expected.subarray(offset, offset + length)
        const seen = isHole ? Buffer.alloc(length) : target
        expect(seen.equals(wanted), `step ${step}, seed ${seed}: ${offset}+${length}`).toBe(true)
      } else if (action < 19) {
        store.flush()
        flushed = Buffer.from(expected)
      } else {
        // Closing forgets what was not flushed.
        await store.close()
        store = await openStore({ path: file })
        flushed.copy(expected)
      }
    }
    store.flush()
    expect(readAll(store).equals(expected), `seed ${seed}`).toBe(true)
    const isThere = Array.from({ length: Math.ceil(byteLength / pageBytes) }, (_, page) =>
      expected.subarray(page * pageBytes, (page + 1) * pageBytes).some((byte) => byte !== 0),
    )
    const thereCount = isThere.filter(Boolean).length
    expect(queryNumber(file, rows)).toBe(thereCount)
    expect(queryNumber(file, dataRows)).toBe(thereCount)
    expect(queryNumber(file, 'SELECT count(*) FROM umap_staged')).toBe(0)
    await store.close()
    expect(integrity(file)).toBe('ok')
  })

  it('a-data-set-keeps-its-own-page-size', async () => {
    const file = newPath()
    const first = await openStore({ path: file, create: true, byteLength: 70_000, pageBytes: 4096 })
    const bytes = new Random(1).bytes(70_000)
    first.write(0, bytes)
    first.flush()
    await first.close()
    const again = { path: file, create: true, byteLength: 70_000, pageBytes: 65536 }
    await using store = await openStore(again)
    expect(readAll(store).equals(bytes)).toBe(true)
    expect(queryNumber(file, 'SELECT page_bytes FROM umap_data_set')).toBe(4096)
  })

  it('past-the-end-and-after-close-are-errors', async () => {
    const store = await openStore({ path: newPath(), create: true, byteLength: 100 })
    const outside: ReadonlyArray<readonly [number, number]> = [
      [-1, 1],
      [100, 1],
      [0.5, 1],
      [0, 101],
      [Number.NaN, 1],
    ]
    for (const [offset, length] of outside) {
      const calls = [
        () => store.read(offset, new Uint8Array(length)),
        () => store.write(offset, new Uint8Array(length)),
        () => store.discard(offset, length),
      ]
      for (const call of calls) {
        expect(call).toThrow(expect.objectContaining({ code: 'STORE_RANGE' }))
      }
    }
    await store.close()
    await store.close()
    expect(() => store.read(0, new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'STORE_CLOSED' }),
    )
    expect(() => store.flush()).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
  })
})

describeSqlite('holes', () => {
  it('have-no-rows', async () => {
    const file = newPath()
    const options = { path: file, create: true, byteLength: 2 ** 40, pageBytes: 4096 }
    await using store = await openStore(options)
    expect(store.read(2 ** 39, new Uint8Array(65536))).toBe('hole')
    store.write(2 ** 39, new Uint8Array(65536))
    store.flush()
    expect(queryNumber(file, rows)).toBe(0)
    store.write(2 ** 40 - 4096, new Uint8Array(4096).fill(1))
    store.write(2 ** 39, new Uint8Array(8 * 4096).fill(1))
    store.flush()
    expect(queryNumber(file, rows)).toBe(9)
    store.write(2 ** 39, new Uint8Array(4096))
    store.flush()
    expect(queryNumber(file, rows)).toBe(8)
    expect(store.read(2 ** 39, new Uint8Array(4096))).toBe('hole')
    store.discard(2 ** 39, 5 * 4096 + 100)
    expect(queryNumber(file, rows)).toBe(8)
    store.flush()
    expect(queryNumber(file, rows)).toBe(4)
    store.discard(0, 2 ** 40)
    store.flush()
    expect(queryNumber(file, rows)).toBe(0)
    expect(queryNumber(file, dataRows)).toBe(0)
  })

  it('a-page-that-was-staged-and-discarded-leaves-nothing', async () => {
    const file = newPath()
    await using store = await openStore({ path: file, create: true, byteLength: 2 ** 20 })
    store.write(0, new Uint8Array(2 ** 20).fill(3))
    expect(queryNumber(file, dataRows)).toBe(16)
    store.discard(0, 2 ** 20)
    expect(queryNumber(file, dataRows)).toBe(0)
    const { version } = store
    store.flush()
    expect(store.version).toBe(version)
    expect(store.read(0, new Uint8Array(2 ** 20))).toBe('hole')
  })
})

describeSqlite('damage', () => {
  const spoilers: ReadonlyArray<readonly [string, string, string]> = [
    [
      'a-changed-byte',
      "UPDATE umap_page_data SET data = CAST(x'ff' || substr(data, 2) AS BLOB) WHERE id = 2",
      'SQLITE_CHECKSUM',
    ],
    [
      'a-shorter-row',
      'UPDATE umap_page_data SET data = substr(data, 1, 4000) WHERE id = 2',
      'SQLITE_CHECKSUM',
    ],
    [
      'bytes-of-another-page',
      'UPDATE umap_page SET data_id = 1, checksum = (SELECT checksum FROM umap_page WHERE page = 0) WHERE page = 1',
      'SQLITE_CHECKSUM',
    ],
    [
      'a-changed-checksum',
      'UPDATE umap_page SET checksum = checksum + 1 WHERE page = 1',
      'SQLITE_CHECKSUM',
    ],
    ['a-missing-row', 'DELETE FROM umap_page_data WHERE id = 2', 'SQLITE_CORRUPT'],
  ]
  it.each(spoilers)('%s-is-an-error-that-names-the-page', async (_, sql, code) => {
    const file = newPath()
    const made = await openStore({ path: file, create: true, byteLength: 16384, pageBytes: 4096 })
    made.write(0, new Random(2).bytes(16384))
    made.flush()
    await made.close()
    query(file, (db) => db.exec(sql))
    await using store = await openStore({ path: file })
    const broken = expect.objectContaining({
      name: 'StoreError',
      code,
      retryable: false,
      message: expect.stringContaining('page 1'),
    })
    expect(() => store.read(4096, new Uint8Array(4096))).toThrow(broken)
    expect(() => store.read(0, new Uint8Array(16384))).toThrow(broken)
    // A part of the page cannot be replaced, for the rest is unknown; all of it can.
    expect(() => store.write(5000, new Uint8Array(10))).toThrow(broken)
    store.read(0, new Uint8Array(4096))
    store.write(4096, new Uint8Array(4096).fill(5))
    store.flush()
    const healed = new Uint8Array(4096)
    store.read(4096, healed)
    expect(healed.every((byte) => byte === 5)).toBe(true)
  })
})

describeSqlite('several data sets in one database', () => {
  it('are-written-and-flushed-each-by-itself', async () => {
    const file = newPath()
    const options = { path: file, create: true, byteLength: 100_000 }
    const one = await openStore({ ...options, name: 'one' })
    const two = await openStore({ ...options, name: 'zwei ✓', pageBytes: 512 })
    one.write(0, new Uint8Array(100_000).fill(1))
    two.write(0, new Uint8Array(100_000).fill(2))
    two.flush()
    expect(readAll(one).every((byte) => byte === 1)).toBe(true)
    await one.close()
    await two.close()
    await using oneAgain = await openStore({ path: file, name: 'one' })
    await using twoAgain = await openStore({ path: file, name: 'zwei ✓' })
    expect(oneAgain.read(0, new Uint8Array(100_000))).toBe('hole')
    expect(readAll(twoAgain).every((byte) => byte === 2)).toBe(true)
    expect(queryNumber(file, "SELECT count(*) FROM umap_bytes WHERE name = 'zwei ✓'")).toBe(196)
    expect(queryNumber(file, dataRows)).toBe(196)
  })
})

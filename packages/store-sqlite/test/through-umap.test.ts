// Data sets mapped by umap with a buffer far smaller than the data: a model of random steps,
// opening again, regions beside each other, and a store host that dies with unflushed pages.

import { type Region, umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { expect, it } from 'vitest'
import { Random, testSeed } from './random.mjs'
import { describeSqlite, integrity, openStore, queryNumber, sqliteStore } from './supported.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const newPath = temporaryDirectory()

function expectSame(
  region: Region,
  expected: Buffer,
  offset: number,
  length: number,
  what: string,
) {
  const seen = region.view(Buffer, offset, length)
  if (!seen.equals(expected.subarray(offset, offset + length))) {
    const at = seen.findIndex((byte, index) => byte !== expected[offset + index])
    expect.fail(`${what}: byte ${offset + at} is ${seen[at]}, not ${expected[offset + at]}`)
  }
}

describeSqlite('through umap', () => {
  it.each([
    [4096, 65536],
    [65536, 65536],
    [65536, 4096],
    [2 ** 18, 65536],
  ])('pages-of-%i-over-rows-of-%i-agree-with-memory', async (pageBytes, rowBytes) => {
    const seed = testSeed(`pages of ${pageBytes} over rows of ${rowBytes}`)
    const random = new Random(seed)
    const byteLength = 8 * 2 ** 20 + random.below(2 ** 20)
    const file = newPath()
    const made = { path: file, create: true, byteLength, pageBytes: rowBytes }
    const open = (access: 'read-only' | 'read-write') =>
      umap({
        store: sqliteStore(made),
        access,
        pageBytes,
        buffer: { bytes: Math.max(2 ** 20, 8 * pageBytes) },
      })
    const expected = Buffer.alloc(byteLength)
    let region = await open('read-write')
    for (let step = 0; step < 200; step++) {
      const offset = random.below(byteLength)
      const length = Math.min(1 + random.below(2 ** random.below(18)), byteLength - offset)
      const what = `seed ${seed}, step ${step}`
      const action = random.below(20)
      if (action < 9) {
        const bytes = random.bytes(length)
        region.view(Uint8Array, offset, length).set(bytes)
        expected.set(bytes, offset)
      } else if (action < 16) {
        expectSame(region, expected, offset, length, what)
      } else if (action === 16) {
        const start = Math.ceil(offset / pageBytes) * pageBytes
        if (start + pageBytes <= byteLength) {
          await region.discard({ offset: start, byteLength: pageBytes })
          expected.fill(0, start, start + pageBytes)
        }
      } else if (action === 17) {
        await region.flush()
      } else if (action === 18) {
        await region.evict()
      } else if (random.below(4) === 0) {
        await region.close()
        region = await open('read-write')
      }
    }
    expectSame(region, expected, 0, byteLength, `seed ${seed}, at the end`)
    await region.close()
    region = await open('read-only')
    expectSame(region, expected, 0, byteLength, `seed ${seed}, opened again`)
    await region.close()
    const store = await openStore({ path: file }, { access: 'read-only' })
    const stored = Buffer.alloc(byteLength)
    store.read(0, stored)
    await store.close()
    expect(stored.equals(expected)).toBe(true)
    expect(integrity(file)).toBe('ok')
  })

  it('two-data-sets-of-one-database-are-written-side-by-side', async () => {
    const file = newPath()
    const byteLength = 4 * 2 ** 20
    const open = (name: string, access: 'read-only' | 'read-write') =>
      umap({
        store: sqliteStore({ path: file, name, create: true, byteLength }),
        access,
        buffer: { bytes: 2 ** 20 },
      })
    const regions = [await open('keys', 'read-write'), await open('values', 'read-write')]
    for (let index = 0; index < byteLength / 8; index++) {
      for (const region of regions) {
        region.view(Float64Array)[index] = index + 1
      }
    }
    await Promise.all(regions.map((region) => region.close()))
    for (const name of ['keys', 'values']) {
      await using region = await open(name, 'read-only')
      const wrong = region.view(Float64Array).findIndex((value, index) => value !== index + 1)
      expect(wrong, name).toBe(-1)
    }
  })

  it('a-mapped-reader-keeps-its-state-beside-a-writer', async () => {
    const file = newPath()
    const byteLength = 4 * 2 ** 20
    const ref = sqliteStore({ path: file, create: true, byteLength })
    const buffer = { bytes: 2 ** 20 }
    const writer = await umap({ store: ref, access: 'read-write', buffer })
    writer.view(Uint8Array).fill(1)
    await writer.flush()
    const reader = await umap({ store: ref, buffer })
    expect(reader.view(Uint8Array, 0, 10)[0]).toBe(1)
    writer.view(Uint8Array).fill(2)
    await writer.flush()
    expect(reader.view(Uint8Array).every((byte) => byte === 1)).toBe(true)
    await reader.close()
    const later = await umap({ store: ref, buffer })
    expect(later.view(Uint8Array).every((byte) => byte === 2)).toBe(true)
    await later.close()
    await expect(umap({ store: ref, access: 'read-write' })).rejects.toMatchObject({
      cause: { code: 'SQLITE_WRITER' },
    })
    await writer.close()
  })

  it.each(['worker', 'process'] as const)('staged-pages-outlive-a-host-%s', async (host) => {
    const file = newPath()
    const byteLength = 4 * 2 ** 20
    const buffer = { bytes: 2 ** 20 }
    const store = sqliteStore({ path: file, create: true, byteLength })
    const region = await umap({ store, access: 'read-write', buffer, host })
    const words = region.view(Float64Array)
    for (let index = 0; index < words.length; index++) words[index] = index + 1
    await region.evict()
    expect(queryNumber(file, 'SELECT count(*) FROM umap_staged')).toBe(64)
    expect(queryNumber(file, 'SELECT count(*) FROM umap_page')).toBe(0)
    // A store of somebody else ends the worker in which ours runs too.
    const deadly = storeRef(new URL('./programs/deadly-store.mjs', import.meta.url), {})
    await expect(umap({ store: deadly, host })).rejects.toMatchObject({
      cause: { code: 'STORE_HOST_DIED' },
    })
    await region.flush()
    expect(queryNumber(file, 'SELECT count(*) FROM umap_page')).toBe(64)
    expect(words.findIndex((value, index) => value !== index + 1)).toBe(-1)
    await region.close()
    await using again = await umap({ store, buffer, host })
    const wrong = again.view(Float64Array).findIndex((value, index) => value !== index + 1)
    expect(wrong).toBe(-1)
  })
})

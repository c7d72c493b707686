// A Zarr array as a store: it keeps the contract, and umap shows it as one flat Float32Array through
// a buffer far smaller than it.

import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { umap } from '@umap/core'
import { runStoreConformance } from '@umap/store-testkit'
import { beforeAll, describe, expect, it } from 'vitest'
import { openStore, zarrStore } from '../dist/zarr-store.js'
import { temporaryDirectory } from './run-program.ts'
import { makeVersion2, makeVersion3, type SampleArray } from './zarr-array.ts'

const root = temporaryDirectory()
const version3 = await makeVersion3(path.join(root, 'version-3'))
const version2 = makeVersion2(path.join(root, 'version-2'))

for (const [name, { directory, values }] of Object.entries({ version3, version2 })) {
  runStoreConformance({
    test: { describe, it },
    name: `zarrStore, ${name}`,
    open: () => openStore({ path: directory }),
    reopen: () => openStore({ path: directory }),
    contents: new Uint8Array(values.buffer),
  })
}

async function map({ directory }: SampleArray, cacheBytes?: number) {
  const store = zarrStore({ path: directory, ...(cacheBytes !== undefined && { cacheBytes }) })
  return umap({ store, pageBytes: 4096, buffer: { bytes: 32 * 4096 } })
}

describe('a Zarr array in umap', () => {
  it.each([
    ['version 3', version3],
    ['version 2 in column-major order', version2],
  ])('is one flat Float32Array: %s', async (_, sample) => {
    const region = await map(sample)
    const mapped = region.view(Float32Array)
    expect(mapped.length).toBe(sample.values.length)
    expect(mapped.every((value, index) => value === sample.values[index])).toBe(true)
    expect(region.stats().evictions).toBeGreaterThan(0)
    await region.close()
  })

  it('gives-the-same-at-random-with-a-cache-of-one-chunk', async () => {
    const seed = Number(process.env.UMAP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`UMAP_TEST_SEED=${seed}`)
    const region = await map(version3, 1)
    const mapped = region.view(Float32Array)
    let state = seed
    for (let step = 0; step < 50; step++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const index = Math.floor((state / 2 ** 32) * mapped.length)
      if (mapped[index] !== version3.values[index]) {
        expect.unreachable(`element ${index} is ${mapped[index]}`)
      }
    }
    await region.close()
  })
})

describe('a Zarr array that is damaged', () => {
  let damaged: SampleArray
  beforeAll(async () => {
    damaged = await makeVersion3(path.join(root, 'damaged'))
    writeFileSync(path.join(damaged.directory, 'c/2/2/2'), 'no frame')
  })

  it('rejects-a-prefault-instead-of-showing-anything', async () => {
    const region = await map(damaged)
    region.on('error', () => {})
    const rejection = await region.prefault({ offset: region.byteLength - 4096 }).catch((e) => e)
    expect(rejection).toMatchObject({ code: 'UMAP_STORE', cause: { code: 'ZARR_INVALID' } })
    expect(rejection.cause.message).toMatch(/cannot read chunk 2\/2\/\d of .*damaged/)
    expect(region.view(Float32Array)[100]).toBe(damaged.values[100])
    await region.close()
  })

  it('is-refused-without-metadata-or-for-writing', async () => {
    rmSync(path.join(damaged.directory, 'zarr.json'))
    await expect(openStore({ path: damaged.directory })).rejects.toMatchObject({
      name: 'StoreError',
      code: 'ZARR_INVALID',
    })
    const writing = openStore({ path: version3.directory }, { access: 'read-write' })
    await expect(writing).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
  })
})

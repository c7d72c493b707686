// Every byte read is the store's, every byte written reaches it: through windows, tails, page sizes
// and buffers of a few pages.

import { readFileSync, statSync } from 'node:fs'
import { PageBuffer, umap } from '@umap/core'
import { describe, expect, it } from 'vitest'
import { localFile, patternBytes, scratchFile } from './scratch.ts'

const mebibyte = 2 ** 20
const pageSizes = [4096, 16384, 65536, 2 ** 18, 2 ** 20, 2 ** 21, 2 ** 22]

describe('a mapped file', () => {
  it.each(pageSizes)('reads as the file, with pages of %i bytes', async (pageBytes) => {
    const bytes = patternBytes(12 * mebibyte + 12_345)
    const buffer = { bytes: Math.max(2 * pageBytes, mebibyte) }
    await using region = await umap({ store: localFile(scratchFile(bytes)), pageBytes, buffer })
    expect(region.byteLength).toBe(bytes.byteLength)
    expect(region.buffer.byteLength).toBe(bytes.byteLength)
    expect(region.pageBytes).toBe(pageBytes)
    expect(region.view(Buffer).equals(bytes)).toBe(true)
  })

  it.each(pageSizes)('is written through close, with pages of %i bytes', async (pageBytes) => {
    const byteLength = 12 * mebibyte + 12_345
    const file = scratchFile(byteLength)
    const buffer = { bytes: Math.max(2 * pageBytes, mebibyte) }
    const region = await umap({ store: localFile(file), access: 'read-write', pageBytes, buffer })
    const bytes = patternBytes(byteLength)
    region.view(Uint8Array).set(bytes)
    expect(region.view(Buffer).equals(bytes)).toBe(true)
    await region.close()
    expect(statSync(file).size).toBe(byteLength)
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })

  it('keeps what was written through evictions, and through close and open', async () => {
    const file = scratchFile(patternBytes(4 * mebibyte))
    const options = { store: localFile(file), pageBytes: 4096, buffer: { bytes: 8 * 4096 } }
    for (let round = 1; round <= 3; round++) {
      await using region = await umap({ ...options, access: 'read-write' })
      const words = region.view(Uint32Array)
      for (let index = 0; index < words.length; index += 1024) {
        words[index] = (words[index] as number) + 1
      }
    }
    const expected = new Uint32Array(patternBytes(4 * mebibyte).buffer)
    const found = new Uint32Array(readFileSync(file).buffer.slice(0, 4 * mebibyte))
    for (let index = 0; index < found.length; index++) {
      const increments = index % 1024 === 0 ? 3 : 0
      if (found[index] !== ((expected[index] as number) + increments) >>> 0) {
        expect.fail(`word ${index} is ${found[index]}`)
      }
    }
  })
})

describe('a window of a store', () => {
  const pageBytes = 4096
  const bytes = patternBytes(64 * pageBytes + 100)

  it.each([
    [0, undefined],
    [pageBytes, undefined],
    [3 * pageBytes, 5 * pageBytes],
    [3 * pageBytes, 5 * pageBytes + 1],
    [63 * pageBytes, 10],
    [64 * pageBytes, undefined],
  ])('reads from offset %i, %s bytes', async (offset, byteLength) => {
    const store = localFile(scratchFile(bytes))
    const window = byteLength === undefined ? { offset } : { offset, byteLength }
    await using region = await umap({ store, pageBytes, ...window, buffer: { bytes: 65536 } })
    const end = byteLength === undefined ? bytes.byteLength : offset + byteLength
    expect(region.view(Buffer).equals(bytes.subarray(offset, end))).toBe(true)
  })

  it('changes nothing outside of itself', async () => {
    const file = scratchFile(bytes)
    const window = { offset: 3 * pageBytes, byteLength: 5 * pageBytes }
    const region = await umap({
      store: localFile(file),
      access: 'read-write',
      pageBytes,
      ...window,
    })
    region.view(Uint8Array).fill(0xee)
    await region.close()
    const expected = new Uint8Array(bytes)
    expected.fill(0xee, window.offset, window.offset + window.byteLength)
    expect(readFileSync(file).equals(expected)).toBe(true)
  })

  it('refuses what lies outside of the store, and leaves nothing open', async () => {
    const store = localFile(scratchFile(bytes))
    await expect(umap({ store, offset: 2 ** 30 })).rejects.toThrow(RangeError)
    await expect(umap({ store, byteLength: 2 ** 30 })).rejects.toThrow(/byteLength/)
  })
})

describe('the tail of a store', () => {
  it.each([1, 4095, 4096, 4097, 65535, 65537])('of %i bytes stays exact', async (byteLength) => {
    const file = scratchFile(patternBytes(byteLength))
    const region = await umap({ store: localFile(file), access: 'read-write' })
    expect(region.byteLength).toBe(byteLength)
    const view = region.view(Uint8Array)
    expect(Buffer.from(view).equals(patternBytes(byteLength))).toBe(true)
    view[byteLength - 1] = 77
    await region.close()
    expect(statSync(file).size).toBe(byteLength)
    expect(readFileSync(file)[byteLength - 1]).toBe(77)
  })

  it('may be all there is: nothing', async () => {
    const file = scratchFile(0)
    const region = await umap({ store: localFile(file), access: 'read-write' })
    expect(region.byteLength).toBe(0)
    expect(region.view(Float64Array).length).toBe(0)
    expect(region.stats().faults).toBe(0)
    await region.prefault()
    await region.flush()
    await region.evict()
    region.pin({ offset: 0 }).release()
    await region.close()
    expect(() => region.view(Uint8Array)).toThrow(/closed/)
  })
})

describe('a read-only region', () => {
  it('never writes to the store, whatever is done to its memory', async () => {
    const bytes = patternBytes(mebibyte)
    const file = scratchFile(bytes)
    const region = await umap({ store: localFile(file), pageBytes: 4096, buffer: { bytes: 65536 } })
    expect(region.access).toBe('read-only')
    region.view(Uint8Array).fill(1)
    await region.flush()
    await region.evict()
    await expect(region.discard({ offset: 0 })).rejects.toMatchObject({ code: 'UMAP_READ_ONLY' })
    await region.close()
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })
})

describe('a page buffer', () => {
  it('of two pages is enough', async () => {
    const bytes = patternBytes(mebibyte)
    const buffer = { bytes: 2 * 65536 }
    const file = scratchFile(bytes)
    const region = await umap({ store: localFile(file), access: 'read-write', buffer })
    const view = region.view(Uint8Array)
    for (let offset = 0; offset < view.length; offset += 997) {
      view[offset] = (view[offset] as number) ^ 0xff
      bytes[offset] = (bytes[offset] as number) ^ 0xff
    }
    expect(region.view(Buffer).equals(bytes)).toBe(true)
    await region.close()
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })

  it('holds its budget', async () => {
    const buffer = new PageBuffer({ bytes: mebibyte })
    const store = localFile(scratchFile(patternBytes(16 * mebibyte)))
    const region = await umap({ store, access: 'read-write', pageBytes: 4096, buffer })
    region.view(Uint8Array).fill(5)
    const { budgetBytes, residentBytes, residentBytesMax, regions } = buffer.stats()
    expect(budgetBytes).toBe(mebibyte)
    expect(regions).toBe(1)
    expect(residentBytes).toBeGreaterThan(0)
    expect(residentBytesMax).toBeLessThanOrEqual(mebibyte)
    await region.close()
    expect(buffer.stats().regions).toBe(0)
    buffer.close()
    expect(buffer.stats().budgetBytes).toBe(mebibyte)
    await expect(umap({ store, buffer })).rejects.toMatchObject({ code: 'UMAP_CLOSED' })
  })

  it('is shared by regions of different page sizes', async () => {
    using buffer = new PageBuffer({ bytes: 8 * mebibyte })
    const bytes = patternBytes(4 * mebibyte)
    const regions = await Promise.all(
      [4096, 65536, 2 ** 20, 2 ** 21].map((pageBytes) =>
        umap({ store: localFile(scratchFile(bytes)), pageBytes, buffer }),
      ),
    )
    for (let round = 0; round < 3; round++) {
      for (const region of regions) {
        expect(region.view(Buffer).equals(bytes)).toBe(true)
      }
    }
    await Promise.all(regions.map((region) => region.close()))
    expect(buffer.stats().residentBytesMax).toBeLessThanOrEqual(8 * mebibyte)
  })
})

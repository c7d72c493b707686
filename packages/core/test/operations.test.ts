// What a region does beside being memory: prefault, flush, evict, pin, discard, statistics.

import { readFileSync, truncateSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openRegion } from './open-region.ts'
import { patternBytes, scratchFile } from './scratch.ts'

const pageBytes = 4096
const pages = 64
const byteLength = pages * pageBytes
const bufferBytes = 2 * byteLength

async function open(access: 'read-only' | 'read-write' = 'read-write') {
  const file = scratchFile(patternBytes(byteLength))
  const region = await openRegion({ file, access, pageBytes, bufferBytes })
  return { file, region }
}

describe('prefault', () => {
  it('fills ranges so that touching them faults no more', async () => {
    const { region } = await open()
    await region.prefault([{ offset: 0, byteLength: 8 * pageBytes }, { offset: 40 * pageBytes }])
    const before = region.stats()
    expect(before.residentBytes).toBeGreaterThanOrEqual(32 * pageBytes)
    const view = region.view(Uint8Array)
    const bytes = patternBytes(byteLength)
    for (const page of [0, 7, 40, 63]) {
      expect(view[page * pageBytes + 5]).toBe(bytes[page * pageBytes + 5])
    }
    expect(region.stats().faults).toBe(before.faults)
    await region.close()
  })

  it('fills all of the region where nothing is said', async () => {
    const { region } = await open()
    await region.prefault()
    expect(region.stats().residentBytes).toBe(byteLength)
    await region.prefault([])
    await region.close()
  })

  it('rejects with the cause, and heals what had failed', async () => {
    const { file, region } = await open('read-only')
    truncateSync(file, 10 * pageBytes)
    const failure = await region.prefault({ offset: 20 * pageBytes }).catch((error) => error)
    expect(failure).toMatchObject({ name: 'UmapError', code: 'UMAP_STORE' })
    expect(failure.cause).toMatchObject({ name: 'StoreError' })
    await region.prefault({ offset: 0, byteLength: 10 * pageBytes })
    truncateSync(file, byteLength)
    await region.prefault({ offset: 20 * pageBytes })
    expect(region.view(Uint8Array)[20 * pageBytes]).toBe(0)
    await region.close()
  })

  it('ends its waiting when it is aborted', async () => {
    const { region } = await open()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(region.prefault(undefined, { signal })).rejects.toThrow('enough')
    const controller = new AbortController()
    await region.prefault(undefined, { signal: controller.signal })
    await region.close()
  })
})

describe('flush', () => {
  it('puts into the store what was written before the call', async () => {
    const { file, region } = await open()
    const view = region.view(Uint8Array)
    view[3] = 200
    view[byteLength - 1] = 201
    await region.flush()
    const found = readFileSync(file)
    expect([found[3], found[byteLength - 1]]).toEqual([200, 201])
    expect(region.stats().dirtyBytes).toBe(0)
    await region.close()
  })

  it('of a range leaves the rest dirty', async () => {
    const { file, region } = await open()
    const view = region.view(Uint8Array)
    view[3] = 200
    view[40 * pageBytes] = 201
    await region.flush({ offset: 40 * pageBytes + 100, byteLength: 1 })
    expect(readFileSync(file)[40 * pageBytes]).toBe(201)
    expect(region.stats().dirtyBytes).toBe(pageBytes)
    await region.close()
    expect(readFileSync(file)[3]).toBe(200)
  })

  it('sees every write of its time, flush after flush', async () => {
    const { file, region } = await open()
    const view = region.view(Uint32Array)
    for (let value = 1; value <= 50; value++) {
      view[7] = value
      await region.flush({ offset: 0, byteLength: 64 })
      expect(readFileSync(file).readUInt32LE(28)).toBe(value)
    }
    await region.close()
  })
})

describe('evict', () => {
  it('drops pages and writes dirty ones back first', async () => {
    const { file, region } = await open()
    const view = region.view(Uint8Array)
    view.fill(9)
    await region.evict()
    expect(region.stats()).toMatchObject({ residentBytes: 0, dirtyBytes: 0 })
    expect(readFileSync(file).every((byte) => byte === 9)).toBe(true)
    expect(view.every((byte) => byte === 9)).toBe(true)
    await region.close()
  })
})

describe('pin', () => {
  it('keeps pages where they are until it is released', async () => {
    const { region } = await open()
    const pin = region.pin({ offset: 8 * pageBytes, byteLength: 4 * pageBytes })
    expect(pin).toMatchObject({ offset: 8 * pageBytes, byteLength: 4 * pageBytes })
    expect(region.stats().pinnedBytes).toBe(4 * pageBytes)
    await region.evict()
    expect(region.stats().residentBytes).toBe(4 * pageBytes)
    const { faults } = region.stats()
    expect(region.view(Uint8Array)[8 * pageBytes]).toBe(patternBytes(byteLength)[8 * pageBytes])
    expect(region.stats().faults).toBe(faults)
    pin.release()
    pin.release()
    expect(region.stats().pinnedBytes).toBe(0)
    await region.evict()
    expect(region.stats().residentBytes).toBe(0)
    await region.close()
  })

  it('is a disposable, may be nested, and ends with the region', async () => {
    const { region } = await open()
    const outer = region.pin({ offset: 0, byteLength: pageBytes })
    {
      using _inner = region.pin({ offset: 0, byteLength: pageBytes })
    }
    await region.evict()
    expect(region.stats().residentBytes).toBe(pageBytes)
    await region.close()
    outer.release()
    expect(() => region.pin({ offset: 0 })).toThrow(/closed/)
  })

  it('refuses more than the buffer can hold', async () => {
    const region = await openRegion({
      file: scratchFile(byteLength),
      access: 'read-write',
      pageBytes,
      bufferBytes: 4 * pageBytes,
    })
    const pin = () => region.pin({ offset: 0, byteLength: 32 * pageBytes })
    expect(pin).toThrow(expect.objectContaining({ code: 'UMAP_NO_MEMORY' }))
    region.view(Uint8Array).fill(3)
    expect(region.view(Uint8Array).every((byte) => byte === 3)).toBe(true)
    await region.close()
  })
})

describe('discard', () => {
  it('makes a hole that reads as zeros, here and in the file', async () => {
    const { file, region } = await open()
    const view = region.view(Uint8Array)
    view.fill(9)
    await region.discard({ offset: 16 * pageBytes, byteLength: 16 * pageBytes })
    const isHole = (page: number) => page >= 16 && page < 32
    for (let page = 0; page < pages; page++) {
      expect(view[page * pageBytes + 17]).toBe(isHole(page) ? 0 : 9)
    }
    view[20 * pageBytes] = 4
    await region.close()
    const found = readFileSync(file)
    expect(found[20 * pageBytes]).toBe(4)
    expect(found[21 * pageBytes]).toBe(0)
    expect(found[15 * pageBytes]).toBe(9)
    expect(found[32 * pageBytes]).toBe(9)
  })

  it('zeroes parts of pages exactly', async () => {
    const { file, region } = await open()
    region.view(Uint8Array).fill(9)
    await region.discard({ offset: 100, byteLength: 2 * pageBytes })
    await region.close()
    const found = readFileSync(file)
    expect([found[99], found[100], found[2 * pageBytes + 99]]).toEqual([9, 0, 0])
    expect(found[2 * pageBytes + 100]).toBe(9)
  })

  it('zeroes parts of pages where no more may be pinned', async () => {
    const file = scratchFile(patternBytes(byteLength))
    const region = await openRegion({
      file,
      access: 'read-write',
      pageBytes,
      bufferBytes: 8 * pageBytes,
    })
    let count = 0
    const pinAll = () => {
      for (; ; count++) region.pin({ offset: count * pageBytes, byteLength: pageBytes })
    }
    expect(pinAll).toThrow(expect.objectContaining({ code: 'UMAP_NO_MEMORY' }))
    expect(count).toBeGreaterThan(0)
    await Promise.all(
      [20, 30, 40, 50].map((page) => {
        return region.discard({ offset: page * pageBytes + 100, byteLength: pageBytes })
      }),
    )
    await region.close()
    const found = readFileSync(file)
    const bytes = patternBytes(byteLength)
    for (const page of [20, 30, 40, 50]) {
      const begin = page * pageBytes + 100
      expect(found.subarray(begin, begin + pageBytes).every((byte) => byte === 0)).toBe(true)
      expect(found[begin - 1]).toBe(bytes[begin - 1])
      expect(found[begin + pageBytes]).toBe(bytes[begin + pageBytes])
    }
  })
})

describe('stats', () => {
  it('are a plain snapshot with stable names', async () => {
    const { region } = await open()
    region.view(Uint8Array).fill(1)
    await region.flush()
    const stats = region.stats()
    const names = [
      'faults',
      'fills',
      'fillBytes',
      'evictions',
      'writeBacks',
      'writeBackBytes',
      'residentBytes',
      'dirtyBytes',
      'readAheadBytes',
      'readAheadUsedBytes',
      'storeErrors',
    ] as const
    for (const name of names) {
      expect(stats[name], name).toBeTypeOf('number')
    }
    for (const latency of [stats.faultLatencyUs, stats.fillLatencyUs]) {
      expect(Object.keys(latency)).toEqual(['count', 'p50', 'p99', 'max'])
    }
    expect(stats.faults).toBeGreaterThan(0)
    expect(stats.fillBytes).toBeGreaterThanOrEqual(byteLength)
    expect(stats.writeBackBytes).toBeGreaterThanOrEqual(byteLength)
    expect(structuredClone(stats)).toEqual(stats)
    await region.close()
    expect(region.stats().fills).toBeGreaterThanOrEqual(stats.fills)
  })
})

// What close() does: everything is in the store, every view is detached, everything is given back.

import { setTimeout as delay } from 'node:timers/promises'
import { PageBuffer, type Region, umap } from '@umap/core'
import { memoryStore } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { openRegion } from './open-region.ts'
import { processResources, regionMappingFlags } from './process-resources.ts'
import { hostedFile, localFile, patternBytes, scratchFile } from './scratch.ts'

const pageBytes = 4096
const byteLength = 64 * pageBytes

function open(): Promise<Region> {
  const file = scratchFile(patternBytes(byteLength))
  return openRegion({ file, access: 'read-write', pageBytes, bufferBytes: byteLength })
}

describe('close', () => {
  it('detaches every view', async () => {
    const region = await open()
    const views = [region.view(Uint8Array), region.view(Float64Array), region.view(Buffer, 5, 7)]
    const { buffer } = region
    expect(views.map((view) => view.length)).toEqual([byteLength, byteLength / 8, 7])
    await region.close()
    expect(views.map((view) => view.length)).toEqual([0, 0, 0])
    expect(buffer.byteLength).toBe(0)
    expect(views[0]?.[0]).toBeUndefined()
  })

  it('is idempotent, and calls at once share one promise', async () => {
    const region = await open()
    const closed = region.close()
    expect(region.close()).toBe(closed)
    expect(region[Symbol.asyncDispose]()).toBe(closed)
    await closed
    expect(region.close()).toBe(closed)
    await region.close()
  })

  it('waits for operations that began before it', async () => {
    const region = await open()
    region.view(Uint8Array).fill(1)
    const ended: string[] = []
    const operations = [
      region.prefault().then(() => ended.push('prefault')),
      region.flush().then(() => ended.push('flush')),
      region.evict({ offset: 0, byteLength: pageBytes }).then(() => ended.push('evict')),
    ]
    await region.close().then(() => ended.push('close'))
    await Promise.all(operations)
    expect(ended.at(-1)).toBe('close')
    expect(ended).toHaveLength(4)
  })

  it('makes every method say UMAP_CLOSED, and leaves the last statistics', async () => {
    const region = await open()
    region.view(Uint8Array).fill(1)
    const closing = region.close()
    const closed = expect.objectContaining({ name: 'UmapError', code: 'UMAP_CLOSED' })
    const check = async () => {
      expect(() => region.view(Uint8Array)).toThrow(closed)
      expect(() => region.pin({ offset: 0 })).toThrow(closed)
      expect(() => region.handle).toThrow(closed)
      for (const name of ['prefault', 'flush', 'evict', 'discard'] as const) {
        await expect(region[name]({ offset: 0 })).rejects.toEqual(closed)
      }
    }
    await check()
    await closing
    await check()
    expect(region.stats().faults).toBeGreaterThan(0)
    expect(region.byteLength).toBe(byteLength)
  })

  // One cycle is a whole life: open, read, write, pin, close.
  async function cycle(store: Parameters<typeof umap>[0]['store'], buffer?: PageBuffer) {
    const options = buffer === undefined ? {} : { buffer }
    const region = await umap({ store, access: 'read-write', pageBytes, ...options })
    const view = region.view(Uint8Array)
    view[0] = (view[100] as number) + 1
    region.pin({ offset: 0, byteLength: 1 })
    await region.close()
  }

  it('gives back descriptors, threads and address space, 300 times', async () => {
    const store = localFile(scratchFile(patternBytes(byteLength)))
    for (let warmUp = 0; warmUp < 20; warmUp++) await cycle(store)
    const before = processResources()
    for (let count = 0; count < 300; count++) await cycle(store)
    // A thread of the engine that has nothing left to do may take a moment to end.
    while (processResources().threads > before.threads) await delay(20)
    const after = processResources()
    expect(after.descriptors).toBe(before.descriptors)
    expect(after.mappings - before.mappings).toBeLessThan(50)
    expect(after.addressBytes - before.addressBytes).toBeLessThan(64 * 2 ** 20)
    expect(regionMappingFlags()).toEqual([])
  }, 120_000)

  it('gives them back where regions share a buffer and a store host', async () => {
    const store = memoryStore({ byteLength })
    const file = hostedFile(scratchFile(patternBytes(byteLength)))
    const before = processResources()
    using buffer = new PageBuffer({ bytes: byteLength })
    await using held = await umap({ store })
    for (let warmUp = 0; warmUp < 10; warmUp++) await cycle(file, buffer)
    const between = processResources()
    for (let count = 0; count < 100; count++) {
      await cycle(store, buffer)
      await cycle(file, buffer)
    }
    expect(processResources().descriptors).toBe(between.descriptors)
    // Threads that wait end after a second without work.
    while (processResources().threads > between.threads) await delay(20)
    await held.close()
    // The host lingers for a moment; what is waited for is its end, however long that takes.
    while (processResources().threads > before.threads) await delay(20)
    while (processResources().descriptors > before.descriptors) await delay(20)
  })
})

describe('many regions', () => {
  it('live together in one small buffer', async () => {
    const bytes = patternBytes(byteLength)
    const store = localFile(scratchFile(bytes))
    using buffer = new PageBuffer({ bytes: 64 * pageBytes })
    const regions = await Promise.all(
      Array.from({ length: 2000 }, (_, index) => {
        const window = { offset: (index % 60) * pageBytes, byteLength: 2 * pageBytes }
        return umap({ store, pageBytes, buffer, ...window })
      }),
    )
    for (let round = 0; round < 2; round++) {
      for (const [index, region] of regions.entries()) {
        const at = (index % 60) * pageBytes
        const view = region.view(Buffer)
        expect(view[1]).toBe(bytes[at + 1])
        expect(view[pageBytes]).toBe(bytes[at + pageBytes])
      }
    }
    expect(buffer.stats()).toMatchObject({ regions: 2000 })
    expect(buffer.stats().residentBytesMax).toBeLessThanOrEqual(64 * pageBytes)
    await Promise.all(regions.map((region) => region.close()))
    expect(buffer.stats().regions).toBe(0)
    expect(regionMappingFlags()).toEqual([])
  })
})

describe('a region that is not closed', () => {
  it('is not copied by fork', async () => {
    await using region = await open()
    region.view(Uint8Array)[0] = 1
    const flags = regionMappingFlags()
    expect(flags.length).toBeGreaterThan(0)
    for (const list of flags) expect(list).toContain('dc')
  })
})

// Several worker threads on the memory of one region: each has its own Region, and the memory stays
// until the last of them is closed.

import { readFileSync } from 'node:fs'
import { attach, type RegionHandle, umap } from '@umap/core'
import { memoryStore } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { startAttached } from './attached-thread.ts'
import { openRegion } from './open-region.ts'
import { patternBytes, scratchFile } from './scratch.ts'

const pageBytes = 4096
const byteLength = 64 * pageBytes

async function open(shared = false) {
  const file = scratchFile(patternBytes(byteLength))
  const region = await openRegion({
    file,
    access: 'read-write',
    pageBytes,
    bufferBytes: 16 * pageBytes,
    shared,
  })
  return { file, region }
}

describe('a handle', () => {
  it('is plain data that can be cloned', async () => {
    const { region } = await open()
    expect(structuredClone(region.handle)).toEqual(region.handle)
    expect(JSON.parse(JSON.stringify(region.handle))).toEqual(region.handle)
    await region.close()
    expect(() => region.handle).toThrow(expect.objectContaining({ code: 'UMAP_CLOSED' }))
  })

  it('of a closed region, of another process, or of nothing is refused', async () => {
    const { region } = await open()
    const handle = region.handle
    await region.close()
    expect(() => attach(handle)).toThrow(expect.objectContaining({ code: 'UMAP_CLOSED' }))
    const foreign = { ...handle, processId: handle.processId + 1 }
    expect(() => attach(foreign)).toThrow(/own process/)
    expect(() => attach({} as RegionHandle)).toThrow(TypeError)
    expect(() => attach(undefined as unknown as RegionHandle)).toThrow(TypeError)
  })
})

describe('an attached region', () => {
  it('sees what other threads write, and they see it', async () => {
    const { file, region } = await open()
    const thread = await startAttached(region.handle)
    expect(await thread.ask('read', { offset: 5000 })).toBe(patternBytes(byteLength)[5000])
    region.view(Uint8Array)[5000] = 99
    expect(await thread.ask('read', { offset: 5000 })).toBe(99)
    await thread.ask('write', { offset: 6000, value: 98 })
    expect(region.view(Uint8Array)[6000]).toBe(98)
    await thread.ask('flush')
    expect(readFileSync(file)[6000]).toBe(98)
    await thread.ask('close')
    await region.close()
  })

  it('goes on when the thread that opened the region has closed it', async () => {
    const { file, region } = await open()
    const thread = await startAttached(region.handle)
    await region.close()
    expect(() => region.view(Uint8Array)).toThrow(/closed/)
    await thread.ask('write', { offset: 100, value: 55 })
    const sum = patternBytes(byteLength).reduce((total, byte) => total + byte, 0)
    const change = 55 - (patternBytes(byteLength)[100] as number)
    expect(await thread.ask('sum')).toBe(sum + change)
    await thread.ask('close')
    expect(readFileSync(file)[100]).toBe(55)
    await expect(thread.ask('read', { offset: 1 })).rejects.toMatchObject({ code: 'UMAP_CLOSED' })
  })

  it('counts as closed when its thread is terminated or ends', async () => {
    const { file, region } = await open()
    const [first, second] = [await startAttached(region.handle), await startAttached(region.handle)]
    await first.ask('write', { offset: 7, value: 71 })
    await second.ask('write', { offset: 8, value: 72 })
    await first.terminate()
    second.worker.postMessage({ action: 'end' })
    await new Promise((resolve) => second.worker.once('exit', resolve))
    expect([...region.view(Uint8Array, 7, 2)]).toEqual([71, 72])
    await region.close()
    expect([...readFileSync(file).subarray(7, 9)]).toEqual([71, 72])
    expect(() => attach({ ...region.handle })).toThrow(/closed/)
  })

  it('may be in the thread that opened it', async () => {
    const { file, region } = await open()
    const other = attach(region.handle)
    other.view(Uint8Array)[1] = 11
    expect(region.view(Uint8Array)[1]).toBe(11)
    await region.close()
    expect(other.view(Uint8Array)[1]).toBe(11)
    await other.close()
    expect(readFileSync(file)[1]).toBe(11)
  })

  it('works on a JavaScript store, also after its opener has closed', async () => {
    const store = memoryStore({ byteLength })
    const region = await umap({ store, access: 'read-write', pageBytes })
    const thread = await startAttached(region.handle)
    await thread.ask('write', { offset: 100, value: 55 })
    await region.close()
    await thread.ask('write', { offset: 200, value: 66 })
    await thread.ask('close')
    await using again = await umap({ store })
    expect([again.view(Uint8Array)[100], again.view(Uint8Array)[200]]).toEqual([55, 66])
  })

  it('of nothing is nothing', async () => {
    await using region = await umap({ store: memoryStore({ byteLength: 0 }) })
    await using other = attach(region.handle)
    expect(other.byteLength).toBe(0)
  })
})

describe('no update is lost', () => {
  it('when threads write to pages that are written back and evicted all the time', async () => {
    const { file, region } = await open()
    region.view(Uint8Array).fill(0)
    const rounds = 60
    const threads = await Promise.all([0, 1].map(() => startAttached(region.handle)))
    let isDone = false
    const increments = Promise.all(
      threads.map((thread, slot) => thread.ask('increment', { slot, rounds, stepBytes: 512 })),
    ).finally(() => {
      isDone = true
    })
    while (!isDone) {
      await region.flush()
      await region.evict({ offset: 0, byteLength: byteLength / 2 })
    }
    await increments
    await Promise.all(threads.map((thread) => thread.ask('close')))
    await region.close()
    const words = new Uint32Array(readFileSync(file).buffer.slice(0, byteLength))
    for (let index = 0; index < words.length; index++) {
      const expected = index % 128 < 2 ? rounds : 0
      if (words[index] !== expected) expect.fail(`word ${index} is ${words[index]}`)
    }
  })
})

describe('a shared region', () => {
  it('is a SharedArrayBuffer on which Atomics work between threads', async (context) => {
    const { region } = await open(true).catch((error) => {
      // Older releases of Node have no external SharedArrayBuffer; that is said, not guessed.
      expect(error).toMatchObject({ code: 'UMAP_UNSUPPORTED' })
      return context.skip(error.message)
    })
    expect(region.buffer).toBeInstanceOf(SharedArrayBuffer)
    region.view(Uint8Array).fill(0)
    const threads = await Promise.all([0, 1].map(() => startAttached(region.handle)))
    expect(await threads[0]?.ask('kind')).toBe('SharedArrayBuffer')
    const rounds = 50
    await Promise.all(threads.map((thread) => thread.ask('atomicAdd', { rounds, stepBytes: 512 })))
    const words = region.view(Int32Array)
    for (let index = 0; index < words.length; index += 128) {
      expect(words[index]).toBe(2 * rounds)
    }
    const woken = threads[0]?.ask('wait', { index: 1, value: 0 })
    while (Atomics.notify(words, 1) === 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await woken).toBe('ok')
    await Promise.all(threads.map((thread) => thread.ask('close')))
    await region.close()
  })
})

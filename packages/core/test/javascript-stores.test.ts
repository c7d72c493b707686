// Stores in JavaScript run in the store host. Whatever one of them does, no byte is wrong, nothing
// that was written is lost, and who is at fault is named.

import { readFileSync } from 'node:fs'
import { type UmapError, umap } from '@umap/core'
import { memoryStore, storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { hostedFile, patternBytes, scratchFile } from './scratch.ts'
import { fault, faultyStoreOptions, slot } from './stores/faulty-store.mjs'

const pageBytes = 4096
const byteLength = 64 * pageBytes
const faultyUrl = new URL('./stores/faulty-store.mjs', import.meta.url)

async function openFaulty(access: 'read-only' | 'read-write' = 'read-write') {
  const { options, data, control } = faultyStoreOptions(byteLength)
  data.set(patternBytes(byteLength))
  const store = storeRef(faultyUrl, options)
  const buffer = { bytes: 32 * pageBytes }
  const region = await umap({ store, access, pageBytes, buffer })
  const errors: UmapError[] = []
  region.on('error', (error) => errors.push(error))
  return { region, data, control, errors, view: region.view(Uint8Array) }
}

describe('the memory store', () => {
  it('keeps what is written through close and open', async () => {
    const store = memoryStore({ byteLength: byteLength + 5 })
    const region = await umap({ store, access: 'read-write', pageBytes, buffer: { bytes: 65536 } })
    const bytes = patternBytes(byteLength + 5)
    expect(region.view(Uint8Array).every((byte) => byte === 0)).toBe(true)
    region.view(Uint8Array).set(bytes)
    await region.close()
    await using again = await umap({ store, buffer: { bytes: 2 ** 20 } })
    expect(again.view(Buffer).equals(bytes)).toBe(true)
  })

  it('may be named by its package', async () => {
    const store = { module: '@umap/store', options: { byteLength: 10 }, parent: import.meta.url }
    await using region = await umap({ store })
    expect([...region.view(Uint8Array)]).toEqual(Array(10).fill(0))
  })

  it.each([4096, 65536, 2 ** 20, 2 ** 24])('works with pages of %i bytes', async (page) => {
    const store = memoryStore({ byteLength: 3 * 2 ** 24 + 1 })
    const options = { store, access: 'read-write', pageBytes: page } as const
    const region = await umap({ ...options, buffer: { bytes: 2 ** 25 } })
    const words = region.view(Uint32Array, 0, 3 * 2 ** 22)
    for (let index = 0; index < words.length; index += 1021) words[index] = index
    await region.evict()
    for (let index = 0; index < words.length; index += 1021) {
      if (words[index] !== index) expect.fail(`word ${index} is ${words[index]}`)
    }
    await region.close()
  })
})

describe('a file store in the host', () => {
  it('is read and written by the engine through its descriptor', async () => {
    const file = scratchFile(patternBytes(byteLength))
    const region = await umap({ store: hostedFile(file), access: 'read-write', pageBytes })
    expect(region.view(Buffer).equals(patternBytes(byteLength))).toBe(true)
    region.view(Uint8Array)[9] = 1
    await region.close()
    expect(readFileSync(file)[9]).toBe(1)
  })
})

describe('a store that cannot be opened', () => {
  it.each([
    ['a module that is missing', './stores/missing.mjs', 'STORE_MODULE'],
    ['a module without openStore', './stores/no-store.mjs', 'STORE_MODULE', 'STORE_INVALID'],
  ])('says why: %s', async (_what, path, ...codes) => {
    const store = storeRef(new URL(path, import.meta.url), {})
    const error = await umap({ store }).catch((reason) => reason)
    expect(error).toMatchObject({ name: 'UmapError', code: 'UMAP_STORE' })
    expect(codes).toContain(error.cause.code)
  })

  it('says so where it throws or ends its thread while it opens', async () => {
    for (const [how, message] of [
      ['throw', /refused/],
      ['exit', /store host died/],
    ] as const) {
      const store = storeRef(new URL('./stores/unwilling-store.mjs', import.meta.url), { how })
      const error = await umap({ store }).catch((reason) => reason)
      expect(error).toMatchObject({ code: 'UMAP_STORE' })
      expect(error.message).toMatch(message)
    }
    const store = memoryStore({ byteLength })
    await (await umap({ store })).close()
  })

  it('cannot be written where it says so', async () => {
    const url = new URL('./stores/unwilling-store.mjs', import.meta.url)
    const store = storeRef(url, { how: 'read-only' })
    const opened = umap({ store, access: 'read-write' })
    await expect(opened).rejects.toMatchObject({ code: 'UMAP_STORE' })
    await (await umap({ store })).close()
  })
})

describe('a store that fails to read', () => {
  it('for a while is asked again, and nobody notices', async () => {
    const { region, control, view } = await openFaulty()
    Atomics.store(control, slot.retryable, 1)
    Atomics.store(control, slot.readsToFail, 3)
    expect(view[5 * pageBytes + 1]).toBe(patternBytes(byteLength)[5 * pageBytes + 1])
    expect(region.stats().storeErrors).toBe(3)
    await region.close()
  })

  it.each([
    ['throws', fault.throws, /thrown by the store/],
    ['rejects with text', fault.rejectsText, /only text/],
    ['returns a count', fault.returnsCount, /must return nothing or 'hole'/],
  ])('and %s makes prefault reject with that, once', async (_how, kind, message) => {
    const { region, control, view } = await openFaulty()
    const range = { offset: 5 * pageBytes, byteLength: 1 }
    Atomics.store(control, slot.fault, kind)
    const error = await region.prefault(range).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'UMAP_STORE', cause: { name: expect.any(String) } })
    expect(error.message).toMatch(message)
    await region.prefault(range)
    expect(view[5 * pageBytes]).toBe(patternBytes(byteLength)[5 * pageBytes])
    await region.close()
  })

  it('and leaves a rejection behind goes on', async () => {
    const { region, control, view } = await openFaulty()
    Atomics.store(control, slot.fault, fault.leavesRejection)
    expect(view[3]).toBe(patternBytes(byteLength)[3])
    expect(Atomics.load(control, slot.opens)).toBe(1)
    await region.close()
  })
})

describe('a store that fails to write', () => {
  it('is told by flush, keeps the page, and gets it with a later flush', async () => {
    const { region, data, control, view, errors } = await openFaulty()
    Atomics.store(control, slot.retryable, 1)
    Atomics.store(control, slot.writesToFail, 1)
    view[7] = 123
    const error = await region.flush().catch((reason) => reason)
    expect(error).toMatchObject({ code: 'UMAP_STORE', cause: { retryable: true } })
    expect(data[7]).not.toBe(123)
    expect(region.stats()).toMatchObject({ storeErrors: 1, dirtyBytes: pageBytes })
    await region.flush()
    expect(data[7]).toBe(123)
    await region.close()
    expect(errors).toMatchObject([{ code: 'UMAP_STORE', place: { operation: 'write-back' } }])
  })

  it('for good makes flush and close reject, and loses nothing', async () => {
    const { region, data, control, errors } = await openFaulty()
    region.view(Uint8Array)[7] = 123
    Atomics.store(control, slot.writesToFail, 2 ** 30)
    await expect(region.flush()).rejects.toMatchObject({ code: 'UMAP_STORE' })
    const error = await region.close().catch((reason) => reason)
    expect(error).toMatchObject({ code: 'UMAP_STORE', cause: { code: 'EFAULTY' } })
    expect(region.view(Uint8Array)[7]).toBe(123)
    expect(data[7]).not.toBe(123)
    expect(errors.length).toBeGreaterThan(0)
    expect(errors[0]?.place).toMatchObject({ operation: 'write-back' })
    Atomics.store(control, slot.writesToFail, 0)
    await region.close()
    expect(data[7]).toBe(123)
    expect(() => region.view(Uint8Array)).toThrow(/closed/)
  })

  it('keeps a full buffer waiting until the store can write again', async () => {
    const { region, data, control } = await openFaulty()
    Atomics.store(control, slot.retryable, 1)
    Atomics.store(control, slot.writesToFail, 5)
    region.view(Uint8Array).fill(9)
    await region.close()
    expect(data.every((byte) => byte === 9)).toBe(true)
  })

  it('at flush is told', async () => {
    const { region, control } = await openFaulty()
    region.view(Uint8Array)[1] = 1
    Atomics.store(control, slot.flushesToFail, 1)
    await expect(region.flush()).rejects.toMatchObject({ code: 'UMAP_STORE' })
    await region.flush()
    await region.close()
  })
})

describe('a store host that dies', () => {
  it.each([
    ['by process.exit', fault.exits],
    ['by an exception that nobody catches', fault.throwsUncaught],
  ])('%s in a fault is started again, and the fault is answered', async (_how, kind) => {
    const { region, data, control, view } = await openFaulty()
    view[0] = 77
    Atomics.store(control, slot.fault, kind)
    // This thread is blocked here: the host is started again without it.
    expect(view[20 * pageBytes]).toBe(patternBytes(byteLength)[20 * pageBytes])
    expect(Atomics.load(control, slot.opens)).toBe(2)
    await region.close()
    expect(data[0]).toBe(77)
    expect(Atomics.load(control, slot.closes)).toBe(1)
  })
})

describe('the store host', () => {
  it('closes a store when its region is closed', async () => {
    const { region, control } = await openFaulty()
    await region.close()
    expect(Atomics.load(control, slot.closes)).toBe(1)
  })

  it('maps no regions of its own', async () => {
    const store = storeRef(new URL('./stores/map-region-store.mjs', import.meta.url), {})
    const error = await umap({ store }).catch((reason) => reason)
    expect(error.message).toContain('a store host cannot map regions')
    expect(error.cause.code).toBe('UMAP_UNSUPPORTED')
  })

  it('passes discards on', async () => {
    const { region, data, control } = await openFaulty()
    await region.discard({ offset: 0, byteLength: 8 * pageBytes })
    await region.close()
    expect(Atomics.load(control, slot.discards)).toBeGreaterThan(0)
    expect(data.subarray(0, 8 * pageBytes).every((byte) => byte === 0)).toBe(true)
    expect(data[8 * pageBytes]).toBe(patternBytes(byteLength)[8 * pageBytes])
  })
})

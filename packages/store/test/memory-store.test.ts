// The memory store keeps the contract, and its bytes belong to the reference.

import { Worker } from 'node:worker_threads'
import {
  type MemoryStore,
  memoryStore,
  memoryStoreGranuleBytes,
  openStore,
  openStoreRef,
} from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const granule = memoryStoreGranuleBytes

function open(byteLength: number): MemoryStore {
  return openStore(memoryStore({ byteLength }).options)
}

function bytesOf(store: MemoryStore): Uint8Array {
  const target = new Uint8Array(store.byteLength)
  return store.read(0, target) === 'hole' ? new Uint8Array(store.byteLength) : target
}

describe('memoryStore', () => {
  it('reads-what-was-written', () => {
    const store = open(3 * granule + 5)
    store.write(granule, new Uint8Array(granule).fill(7))
    store.write(3 * granule, new Uint8Array(5).fill(9))
    store.flush()
    const bytes = bytesOf(store)
    expect(bytes.subarray(0, granule).every((byte) => byte === 0)).toBe(true)
    expect(bytes.subarray(granule, 2 * granule).every((byte) => byte === 7)).toBe(true)
    expect(bytes.subarray(3 * granule).every((byte) => byte === 9)).toBe(true)
  })

  it('is-a-hole-where-never-written-and-where-discarded', () => {
    const store = open(4 * granule + 1)
    const target = new Uint8Array(granule)
    expect(store.read(0, target)).toBe('hole')
    store.write(granule + 1, new Uint8Array(1))
    expect(store.read(granule, target)).toBeUndefined()
    expect(store.read(0, target)).toBe('hole')
    store.write(0, new Uint8Array(4 * granule + 1).fill(1))
    store.discard(granule, 2 * granule)
    expect(store.read(granule, new Uint8Array(2 * granule))).toBe('hole')
    expect(store.read(0, new Uint8Array(4 * granule))).toBeUndefined()
    store.discard(4 * granule, 1)
    expect(store.read(4 * granule, new Uint8Array(1))).toBe('hole')
  })

  it('zeroes-a-discarded-part-of-a-granule', () => {
    const store = open(granule)
    store.write(0, new Uint8Array(granule).fill(1))
    store.discard(10, 10)
    const bytes = bytesOf(store)
    expect([...bytes.subarray(8, 22)]).toEqual([1, 1, ...Array(10).fill(0), 1, 1])
  })

  it('shows-every-opening-the-same-bytes', async () => {
    const ref = memoryStore({ byteLength: granule })
    const first = openStore(ref.options)
    first.write(0, new Uint8Array(granule).fill(3))
    first.close()
    const second = await openStoreRef(ref)
    const target = new Uint8Array(granule)
    await second.read(0, target, { signal: new AbortController().signal })
    expect(target.every((byte) => byte === 3)).toBe(true)
  })

  it('outlives-the-thread-that-wrote-to-it', async () => {
    const ref = memoryStore({ byteLength: 2 * granule })
    const script = `
      import { openStoreRef } from ${JSON.stringify(import.meta.resolve('@umap/store'))}
      import { workerData } from 'node:worker_threads'
      const store = await openStoreRef(workerData)
      store.write(${granule}, new Uint8Array(${granule}).fill(5))
      process.exit(7)`
    const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`)
    const worker = new Worker(url, { workerData: ref })
    const code = await new Promise((resolve, reject) => {
      worker.once('exit', resolve)
      worker.once('error', reject)
    })
    expect(code).toBe(7)
    const bytes = bytesOf(openStore(ref.options))
    expect(bytes[granule - 1]).toBe(0)
    expect(bytes.subarray(granule).every((byte) => byte === 5)).toBe(true)
  })

  it('refuses-ranges-outside-and-calls-after-close', () => {
    const store = open(100)
    for (const [offset, byteLength] of [
      [-1, 1],
      [100, 1],
      [0, 101],
      [0.5, 1],
      [NaN, 1],
    ] as const) {
      const code = expect.objectContaining({ code: 'STORE_RANGE' })
      expect(() => store.read(offset, new Uint8Array(byteLength))).toThrow(code)
      expect(() => store.write(offset, new Uint8Array(byteLength))).toThrow(code)
      expect(() => store.discard(offset, byteLength)).toThrow(code)
    }
    store.close()
    store.close()
    const code = expect.objectContaining({ code: 'STORE_CLOSED' })
    expect(() => store.read(0, new Uint8Array(1))).toThrow(code)
    expect(() => store.write(0, new Uint8Array(1))).toThrow(code)
    expect(() => store.flush()).toThrow(code)
  })

  it('is-not-writable-when-opened-read-only', () => {
    const store = openStore(memoryStore({ byteLength: 10 }).options, { access: 'read-only' })
    expect(store.capabilities.writable).toBe(false)
    const code = expect.objectContaining({ code: 'STORE_READ_ONLY' })
    expect(() => store.write(0, new Uint8Array(1))).toThrow(code)
    expect(() => store.discard(0, 1)).toThrow(code)
  })

  it('refuses-bad-options-by-name', () => {
    expect(() => memoryStore(undefined as never)).toThrow(TypeError)
    expect(() => memoryStore({} as never)).toThrow(TypeError)
    expect(() => memoryStore({ byteLength: '1' } as never)).toThrow(/byteLength.*string/)
    expect(() => memoryStore({ byteLength: -1 })).toThrow(RangeError)
    expect(() => memoryStore({ byteLength: 1.5 })).toThrow(/byteLength.*1.5/)
    expect(() => memoryStore({ byteLength: 2 ** 53 - 1 })).toThrow(/byteLength/)
    expect(() => memoryStore({ byteLength: 1, size: 1 } as never)).toThrow(/size/)
    const data = new SharedArrayBuffer(1)
    const written = new SharedArrayBuffer(4)
    expect(() => openStore({ byteLength: 2, data, written })).toThrow(/byteLength 2/)
  })

  it('equals-a-plain-buffer-whatever-is-done-to-it', () => {
    const byteLength = 5 * granule + 17
    const range = fc.tuple(fc.nat(byteLength), fc.nat(2 * granule + 1)).map(([offset, bytes]) => ({
      offset,
      bytes: Math.min(bytes, byteLength - offset),
    }))
    const step = fc.record({ kind: fc.constantFrom('write', 'discard'), range, byte: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = open(byteLength)
        const model = new Uint8Array(byteLength)
        for (const {
          kind,
          range: { offset, bytes },
          byte,
        } of steps) {
          if (kind === 'write') {
            store.write(offset, new Uint8Array(bytes).fill(byte))
            model.fill(byte, offset, offset + bytes)
          } else {
            store.discard(offset, bytes)
            model.fill(0, offset, offset + bytes)
          }
        }
        expect(Buffer.compare(bytesOf(store), model)).toBe(0)
      }),
    )
  })
})

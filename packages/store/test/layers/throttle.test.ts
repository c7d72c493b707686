// Calls keep to the rates, in the order in which they came, and none is held up for nothing.

import { memoryStore, openStoreRef, storeRef, throttle, throttleStore } from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeldStore, ManualRuntime, noSignal, settle } from './manual-runtime.ts'

describe('throttleStore', () => {
  it('lets-a-burst-through-and-then-the-rate', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { bytesPerSecond: 1000, burstBytes: 2000 }, runtime)
    for (let call = 0; call < 5; call++) {
      void layer.read(call * 1000, new Uint8Array(1000), noSignal)
    }
    const counts: number[] = []
    for (const ms of [0, 999, 1, 1000, 1000]) {
      await runtime.advance(ms)
      counts.push(inner.calls.length)
    }
    expect(counts).toEqual([2, 2, 3, 4, 5])
    expect(runtime.timerCount).toBe(0)
  })

  it('counts-calls-of-every-kind', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { callsPerSecond: 2 }, runtime)
    void layer.read(0, new Uint8Array(1), noSignal)
    void layer.write?.(0, new Uint8Array(1), noSignal)
    void layer.flush?.()
    void layer.discard?.(0, 1)
    await settle()
    expect(inner.calls.map(({ op }) => op)).toEqual(['read', 'write'])
    await runtime.advance(500)
    expect(inner.last.op).toBe('flush')
    await runtime.advance(500)
    expect(inner.last.op).toBe('discard')
  })

  it('serves-a-call-larger-than-the-burst-and-makes-others-pay', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { bytesPerSecond: 100, burstBytes: 100 }, runtime)
    void layer.read(0, new Uint8Array(1000), noSignal)
    void layer.read(0, new Uint8Array(100), noSignal)
    await runtime.advance(9_999)
    expect(inner.calls.length).toBe(1)
    await runtime.advance(1)
    expect(inner.calls.length).toBe(2)
  })

  it('lets-nobody-overtake', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { bytesPerSecond: 100 }, runtime)
    for (const byteLength of [100, 90, 1]) {
      void layer.read(byteLength, new Uint8Array(byteLength), noSignal)
    }
    await runtime.advance(899)
    expect(inner.calls.length).toBe(1)
    await runtime.advance(1)
    expect(inner.calls.map(({ byteLength }) => byteLength)).toEqual([100, 90])
    await runtime.advance(10)
    expect(inner.calls.length).toBe(3)
  })

  it('charges-nothing-for-holes', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { bytesPerSecond: 100 }, runtime)
    for (let call = 0; call < 3; call++) {
      const reading = layer.read(0, new Uint8Array(100), noSignal)
      await settle()
      inner.last.resolve('hole')
      expect(await reading).toBe('hole')
    }
    expect(inner.calls.length).toBe(3)
  })

  it('keeps-to-the-calls-in-flight', async () => {
    const inner = new HeldStore()
    const layer = throttleStore(inner, { concurrencyMax: 2 }, new ManualRuntime())
    expect(layer.capabilities.concurrencyMax).toBe(2)
    const failed = expect(layer.read(0, new Uint8Array(1), noSignal)).rejects.toThrow('no')
    void layer.read(1, new Uint8Array(1), noSignal)
    void layer.read(2, new Uint8Array(1), noSignal)
    await settle()
    expect(inner.calls.length).toBe(2)
    inner.calls[0]?.reject(new Error('no'))
    await failed
    await settle()
    expect(inner.calls.length).toBe(3)
    const wider = throttleStore(inner, { concurrencyMax: 99 }, new ManualRuntime())
    expect(wider.capabilities.concurrencyMax).toBe(8)
  })

  it('lets-a-waiting-call-go-when-it-is-aborted', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { bytesPerSecond: 100 }, runtime)
    void layer.read(0, new Uint8Array(100), noSignal)
    const controller = new AbortController()
    const large = layer.read(1, new Uint8Array(100), { signal: controller.signal })
    const reason = new Error('nobody waits')
    const failed = expect(large).rejects.toBe(reason)
    void layer.read(2, new Uint8Array(1), noSignal)
    await runtime.advance(10)
    expect(inner.calls.length).toBe(1)
    controller.abort(reason)
    await failed
    await settle()
    expect(inner.last.offset).toBe(2)
    const dead = layer.read(0, new Uint8Array(1), { signal: AbortSignal.abort(reason) })
    await expect(dead).rejects.toBe(reason)
  })

  it('refuses-what-waits-when-it-is-closed', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const layer = throttleStore(inner, { callsPerSecond: 1 }, runtime)
    void layer.read(0, new Uint8Array(1), noSignal)
    const waiting = expect(layer.flush?.()).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    await layer.close()
    await waiting
    expect(inner.closeCount).toBe(1)
    expect(runtime.timerCount).toBe(0)
  })

  it('never-exceeds-rate-and-burst-in-any-span-of-time', async () => {
    const cases = fc.record({
      bytesPerSecond: fc.integer({ min: 1, max: 1000 }),
      burstBytes: fc.integer({ min: 1, max: 1000 }),
      sizes: fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 }),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ sizes, ...rates }) => {
        const inner = new HeldStore()
        const runtime = new ManualRuntime()
        const starts: { atMs: number; bytes: number }[] = []
        const store = Object.assign(inner, {
          read: (_offset: number, target: Uint8Array) => {
            starts.push({ atMs: runtime.now(), bytes: target.byteLength })
          },
        })
        const layer = throttleStore(store, rates, runtime)
        const reads = sizes.map((size) => layer.read(0, new Uint8Array(size), noSignal))
        await runtime.advance(1e9)
        await Promise.all(reads)
        expect(starts.map(({ bytes }) => bytes)).toEqual(sizes)
        let sinceFirst = 0
        for (const { atMs, bytes } of starts) {
          // Before this call no more than the burst and the rate had passed.
          const allowed = rates.burstBytes + (atMs / 1000) * rates.bytesPerSecond
          const needed = sinceFirst + Math.min(bytes, rates.burstBytes)
          expect(needed).toBeLessThanOrEqual(allowed + 1e-6)
          sinceFirst += bytes
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('throttle', () => {
  it('opens-from-a-clone-of-its-reference', async () => {
    const source = `export const openStore = () => ({ byteLength: 1, capabilities: {
      writable: false, concurrencyMax: 8, callBytesMax: 1, atomicFlush: false },
      read() {}, close() {} })`
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const ref = throttle(storeRef(url, {}), { concurrencyMax: 3 })
    const store = await openStoreRef(structuredClone(ref))
    expect(store.capabilities.concurrencyMax).toBe(3)
    await store.close()
  })

  it('names-options-that-are-wrong', () => {
    const memory = memoryStore({ byteLength: 1 })
    expect(() => throttle(memory, {})).toThrow('bytesPerSecond, callsPerSecond or concurrencyMax')
    expect(() => throttle(memory, { bytesPerSecond: 0 })).toThrow('bytesPerSecond')
    expect(() => throttle(memory, { concurrencyMax: 0.5 })).toThrow('concurrencyMax')
    expect(() => throttle(memory, { callsPerSecond: 1, burst: 2 } as object)).toThrow('burst')
  })
})

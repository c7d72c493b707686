// A call that takes too long fails, and what the store does later reaches nobody's memory.

import { memoryStore, openStoreRef, StoreError, timeout, timeoutStore } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { HeldStore, ManualRuntime, noSignal, settle } from './manual-runtime.ts'

const limits = { readMs: 100, writeMs: 200, flushMs: 300, discardMs: 400, closeMs: 500 }

function setUp() {
  const inner = new HeldStore()
  const runtime = new ManualRuntime()
  return { inner, runtime, layer: timeoutStore(inner, limits, runtime) }
}

/** Settles to the code of the failure, or to 'ok'. */
function outcome(running: unknown): Promise<string> {
  return Promise.resolve(running).then(
    () => 'ok',
    (error: StoreError) => error.code,
  )
}

describe('timeoutStore', () => {
  it('hands-on-what-comes-in-time', async () => {
    const { inner, runtime, layer } = setUp()
    const target = new Uint8Array(4)
    const reading = layer.read(8, target, noSignal)
    await runtime.advance(99)
    inner.last.bytes.set([1, 2, 3, 4])
    inner.last.resolve()
    expect(await reading).toBe(undefined)
    expect([...target]).toEqual([1, 2, 3, 4])
    expect(runtime.timerCount).toBe(0)
    const hole = layer.read(8, target, noSignal)
    await settle()
    inner.last.bytes.fill(9)
    inner.last.resolve('hole')
    expect(await hole).toBe('hole')
    expect([...target]).toEqual([1, 2, 3, 4])
  })

  it('fails-what-is-late-with-a-retryable-code', async () => {
    const { inner, runtime, layer } = setUp()
    const reading = Promise.resolve(layer.read(8, new Uint8Array(4), noSignal))
    const failed = expect(reading).rejects.toMatchObject({
      code: 'STORE_TIMEOUT',
      retryable: true,
      message: 'the read of 4 bytes at 8 took longer than 100 ms',
    })
    await runtime.advance(99)
    expect(inner.last.signal?.aborted).toBe(false)
    await runtime.advance(1)
    await failed
    expect(inner.last.signal?.aborted).toBe(true)
    expect(inner.last.signal?.reason).toBeInstanceOf(StoreError)
  })

  it('has-a-limit-of-its-own-for-each-kind-of-call', async () => {
    const { runtime, layer } = setUp()
    const ended: string[] = []
    const note = (op: string) => (code: string) => ended.push(`${op} ${code} ${runtime.now()}`)
    void outcome(layer.discard?.(0, 4)).then(note('discard'))
    void outcome(layer.flush?.()).then(note('flush'))
    void outcome(layer.write?.(100, new Uint8Array(4), noSignal)).then(note('write'))
    await runtime.advance(1000)
    expect(ended).toEqual([
      'write STORE_TIMEOUT 200',
      'flush STORE_TIMEOUT 300',
      'discard STORE_TIMEOUT 400',
    ])
  })

  it('keeps-late-bytes-out-of-memory-that-is-used-again', async () => {
    const { inner, runtime, layer } = setUp()
    const target = new Uint8Array(4).fill(5)
    const late = outcome(layer.read(0, target, noSignal))
    await runtime.advance(100)
    expect(await late).toBe('STORE_TIMEOUT')
    const lateBytes = inner.last.bytes
    // The next read must not get the buffer that the late one still writes to.
    const other = new Uint8Array(4)
    const reading = layer.read(64, other, noSignal)
    await settle()
    expect(inner.last.bytes.buffer).not.toBe(lateBytes.buffer)
    lateBytes.fill(0xee)
    inner.last.bytes.fill(7)
    inner.last.resolve()
    await reading
    expect([...target]).toEqual([5, 5, 5, 5])
    expect([...other]).toEqual([7, 7, 7, 7])
  })

  it('keeps-a-late-write-from-seeing-memory-that-is-used-again', async () => {
    const { inner, runtime, layer } = setUp()
    const source = Uint8Array.of(1, 2, 3, 4)
    const late = outcome(layer.write?.(0, source, noSignal))
    await runtime.advance(200)
    expect(await late).toBe('STORE_TIMEOUT')
    source.fill(0)
    expect([...inner.last.bytes]).toEqual([1, 2, 3, 4])
  })

  it('holds-back-what-must-not-overlap-a-late-write', async () => {
    const { inner, runtime, layer } = setUp()
    const late = outcome(layer.write?.(0, new Uint8Array(8).fill(1), noSignal))
    await runtime.advance(200)
    expect(await late).toBe('STORE_TIMEOUT')
    const newer = outcome(layer.write?.(4, new Uint8Array(8).fill(2), noSignal))
    const beside = outcome(layer.write?.(12, new Uint8Array(4), noSignal))
    await settle()
    expect(inner.calls.map(({ offset }) => offset)).toEqual([0, 12])
    inner.last.resolve()
    expect(await beside).toBe('ok')
    inner.calls[0]?.reject(new Error('aborted'))
    await settle()
    expect(inner.calls.map(({ offset }) => offset)).toEqual([0, 12, 4])
    inner.last.resolve()
    expect(await newer).toBe('ok')
  })

  it('counts-the-wait-for-a-late-call-as-time', async () => {
    const { inner, runtime, layer } = setUp()
    const late = outcome(layer.write?.(0, new Uint8Array(8), noSignal))
    await runtime.advance(200)
    await late
    const read = outcome(layer.read(0, new Uint8Array(8), noSignal))
    await runtime.advance(100)
    expect(await read).toBe('STORE_TIMEOUT')
    inner.calls[0]?.resolve()
    await settle()
    expect(inner.calls.length).toBe(1)
  })

  it('lets-go-at-once-when-the-caller-aborts', async () => {
    const { inner, runtime, layer } = setUp()
    const controller = new AbortController()
    const target = new Uint8Array(4)
    const reading = Promise.resolve(layer.read(0, target, { signal: controller.signal }))
    const reason = new Error('nobody waits')
    const failed = expect(reading).rejects.toBe(reason)
    await settle()
    controller.abort(reason)
    await failed
    expect(inner.last.signal?.reason).toBe(reason)
    inner.last.bytes.fill(3)
    inner.last.resolve()
    await settle()
    expect([...target]).toEqual([0, 0, 0, 0])
    expect(runtime.timerCount).toBe(0)
    const dead = layer.read(0, target, { signal: AbortSignal.abort(reason) })
    await expect(dead).rejects.toBe(reason)
  })

  it('hands-on-errors-of-the-store', async () => {
    const { inner, runtime, layer } = setUp()
    const flushing = outcome(layer.flush?.())
    await settle()
    inner.last.reject(new StoreError('no', { code: 'MY_CODE' }))
    expect(await flushing).toBe('MY_CODE')
    expect(runtime.timerCount).toBe(0)
  })

  it('does-not-wait-forever-for-a-store-that-does-not-close', async () => {
    const { inner, runtime } = setUp()
    const hanging = Object.assign(inner, { close: () => new Promise<void>(() => {}) })
    const layer = timeoutStore(hanging, limits, runtime)
    const closing = outcome(layer.close())
    expect(layer.close()).toBe(layer.close())
    await runtime.advance(500)
    expect(await closing).toBe('STORE_TIMEOUT')
  })

  it('hides-the-descriptor', () => {
    expect('nativeFd' in setUp().layer.capabilities).toBe(false)
    expect(setUp().layer.version).toBe('v1')
  })
})

describe('timeout', () => {
  it('opens-from-a-clone-of-its-reference', async () => {
    const ref = structuredClone(timeout(memoryStore({ byteLength: 64 }), { readMs: 1000 }))
    const store = await openStoreRef(ref)
    await store.write?.(0, Uint8Array.of(1, 2), noSignal)
    const target = new Uint8Array(2)
    await store.read(0, target, noSignal)
    expect([...target]).toEqual([1, 2])
    await store.close()
  })

  it('names-options-that-are-wrong', () => {
    const memory = memoryStore({ byteLength: 1 })
    expect(() => timeout(memory, { readMs: 0 })).toThrow('readMs must be from 1')
    expect(() => timeout(memory, { closeMs: Number.POSITIVE_INFINITY })).toThrow(RangeError)
    expect(() => timeout(memory, { ms: 5 } as object)).toThrow('no option named ms')
  })
})

// The retry layer repeats what may pass, for as long as it was told, and nothing else.

import {
  memoryStore,
  openStoreRef,
  type PageStore,
  retry,
  retryStore,
  StoreError,
  storeRef,
} from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeldStore, ManualRuntime, noSignal, settle } from './manual-runtime.ts'

const busy = () => new StoreError('busy', { code: 'MY_BUSY', retryable: true })
const target = () => new Uint8Array(16)

function failing(times: number, error: () => unknown) {
  const inner = new HeldStore()
  let calls = 0
  const read = () => {
    calls += 1
    if (calls <= times) {
      throw error()
    }
  }
  const store: PageStore = {
    byteLength: inner.byteLength,
    capabilities: inner.capabilities,
    read,
    write: read,
    flush: read,
    discard: read,
    close: () => inner.close(),
  }
  return { store, calls: () => calls }
}

async function errorOf(running: unknown): Promise<StoreError> {
  const error = await Promise.resolve(running).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  return error as StoreError
}

describe('retryStore', () => {
  it('repeats-after-pauses-that-double-up-to-the-longest', async () => {
    const { store, calls } = failing(5, busy)
    const runtime = new ManualRuntime()
    const layer = retryStore(store, { delayMs: 10, delayMaxMs: 50 }, runtime)
    const reading = layer.read(0, target(), noSignal)
    const seen: number[] = []
    for (const pauseMs of [10, 20, 40, 50, 50]) {
      await runtime.advance(pauseMs - 0.5)
      seen.push(calls())
      await runtime.advance(0.5)
    }
    await reading
    expect(seen).toEqual([1, 2, 3, 4, 5])
    expect(calls()).toBe(6)
    expect(runtime.timerCount).toBe(0)
  })

  it('draws-each-pause-from-zero-on', async () => {
    const { store, calls } = failing(3, busy)
    const runtime = new ManualRuntime()
    runtime.chance = 0
    const reading = retryStore(store, { delayMs: 1000 }, runtime).read(0, target(), noSignal)
    await runtime.advance(0)
    await reading
    expect(calls()).toBe(4)
  })

  it('gives-up-with-the-last-error-and-the-count', async () => {
    const { store, calls } = failing(99, busy)
    const runtime = new ManualRuntime()
    const failed = errorOf(
      retryStore(store, { attemptsMax: 4 }, runtime).write?.(0, target(), noSignal),
    )
    await runtime.advance(1e6)
    const error = await failed
    expect(calls()).toBe(4)
    expect(error).toMatchObject({ code: 'MY_BUSY', retryable: true })
    expect(error.message).toContain('4 attempts')
    expect(error.message).toContain('busy')
    expect(error.cause).toMatchObject({ message: 'busy' })
  })

  it('gives-up-before-a-pause-that-would-exceed-the-total', async () => {
    const { store, calls } = failing(99, busy)
    const runtime = new ManualRuntime()
    const layer = retryStore(
      store,
      { delayMs: 100, totalDelayMaxMs: 700, attemptsMax: 99 },
      runtime,
    )
    const failed = errorOf(layer.read(0, target(), noSignal))
    await runtime.advance(1e6)
    expect((await failed).message).toContain('totalDelayMaxMs')
    expect(calls()).toBe(4)
  })

  it('lets-final-errors-through-as-they-are', async () => {
    for (const final of [
      new StoreError('gone', { code: 'EIO', retryable: false }),
      Object.assign(new Error('no such'), { code: 'ENOENT' }),
      new TypeError('bug'),
      'text',
    ]) {
      const { store, calls } = failing(9, () => final)
      const layer = retryStore(store, {}, new ManualRuntime())
      await expect(layer.read(0, target(), noSignal)).rejects.toBe(final)
      expect(calls()).toBe(1)
    }
  })

  it('repeats-system-errors-that-may-pass-but-no-failed-fsync', async () => {
    const full = () => Object.assign(new Error('full'), { code: 'ENOSPC' })
    const runtime = new ManualRuntime()
    const write = failing(1, full)
    const writing = retryStore(write.store, {}, runtime).write?.(0, target(), noSignal)
    await runtime.advance(1000)
    await writing
    expect(write.calls()).toBe(2)
    const flush = failing(1, full)
    await expect(retryStore(flush.store, {}, runtime).flush?.()).rejects.toThrow('full')
    expect(flush.calls()).toBe(1)
    const told = failing(1, busy)
    const flushing = retryStore(told.store, {}, runtime).flush?.()
    await runtime.advance(1000)
    await flushing
    expect(told.calls()).toBe(2)
  })

  it('spends-no-more-than-its-budget-and-earns-it-back', async () => {
    const { store, calls } = failing(13, busy)
    const runtime = new ManualRuntime()
    const options = { budget: 10, budgetRefill: 0.5, delayMaxMs: 1, attemptsMax: 99 }
    const layer = retryStore(store, options, runtime)
    const failed = errorOf(layer.read(0, target(), noSignal))
    await runtime.advance(1000)
    expect((await failed).message).toContain('budget')
    expect(calls()).toBe(11)
    expect((await errorOf(layer.read(0, target(), noSignal))).message).toContain('1 attempt ')
    await errorOf(layer.read(0, target(), noSignal))
    // Two successes earn one repetition.
    await layer.read(0, target(), noSignal)
    await layer.read(0, target(), noSignal)
    const before = calls()
    let first = true
    store.read = () => {
      if (first) {
        first = false
        throw busy()
      }
    }
    const reading = layer.read(0, target(), noSignal)
    await runtime.advance(1000)
    await reading
    expect(calls()).toBe(before)
  })

  it('stops-at-once-when-the-call-is-aborted', async () => {
    const { store, calls } = failing(99, busy)
    const runtime = new ManualRuntime()
    const layer = retryStore(store, {}, runtime)
    const controller = new AbortController()
    const reading = Promise.resolve(layer.read(0, target(), { signal: controller.signal }))
    const reason = new Error('nobody waits')
    const outcome = expect(reading).rejects.toBe(reason)
    await settle()
    expect(runtime.timerCount).toBe(1)
    controller.abort(reason)
    await outcome
    expect(runtime.timerCount).toBe(0)
    expect(calls()).toBe(1)
    const aborted = layer.read(0, target(), { signal: AbortSignal.abort(reason) })
    await expect(aborted).rejects.toBe(reason)
    expect(calls()).toBe(2)
  })

  it('stops-at-once-when-the-store-is-closed', async () => {
    const { store, calls } = failing(99, busy)
    const runtime = new ManualRuntime()
    const layer = retryStore(store, {}, runtime)
    const reading = expect(layer.read(0, target(), noSignal)).rejects.toMatchObject({
      code: 'STORE_CLOSED',
    })
    await settle()
    await layer.close()
    await reading
    expect(calls()).toBe(1)
    expect(runtime.timerCount).toBe(0)
  })

  it('hides-the-descriptor-and-shows-the-version', () => {
    const inner = new HeldStore()
    const layer = retryStore(inner)
    expect(layer.capabilities).toEqual({
      writable: true,
      concurrencyMax: 8,
      callBytesMax: 2 ** 16,
      atomicFlush: true,
    })
    inner.version = 'v2'
    expect(layer.version).toBe('v2')
    const { write, flush, discard, ...readOnly } = failing(0, busy).store
    const bare = retryStore(readOnly)
    expect([bare.write, bare.flush, bare.discard]).toEqual([undefined, undefined, undefined])
  })

  it('never-waits-longer-than-it-was-told', async () => {
    const policies = fc.record({
      attemptsMax: fc.integer({ min: 1, max: 20 }),
      delayMs: fc.integer({ min: 0, max: 1000 }),
      delayMaxMs: fc.integer({ min: 0, max: 2000 }),
      totalDelayMaxMs: fc.integer({ min: 0, max: 5000 }),
      budget: fc.integer({ min: 0, max: 20 }),
    })
    const chance = fc.double({ min: 0, max: 0.999, noNaN: true })
    await fc.assert(
      fc.asyncProperty(policies, chance, async (policy, random) => {
        const { store, calls } = failing(Number.MAX_SAFE_INTEGER, busy)
        const runtime = new ManualRuntime()
        runtime.chance = random
        let failedAtMs = -1
        const failed = errorOf(retryStore(store, policy, runtime).read(0, target(), noSignal)).then(
          () => {
            failedAtMs = runtime.now()
          },
        )
        await runtime.advance(policy.totalDelayMaxMs)
        await failed
        expect(failedAtMs).toBeLessThanOrEqual(policy.totalDelayMaxMs)
        expect(calls()).toBeLessThanOrEqual(Math.min(policy.attemptsMax, policy.budget + 1))
      }),
      { numRuns: 50 },
    )
  })
})

describe('retry', () => {
  it('stacks-on-references-that-survive-a-clone', async () => {
    const ref = retry(retry(memoryStore({ byteLength: 100 }), { attemptsMax: 3 }), { delayMs: 5 })
    expect(ref.nativeFd).toBeUndefined()
    const store = await openStoreRef(structuredClone(ref), { access: 'read-write' })
    await store.write?.(0, Uint8Array.of(7), noSignal)
    const read = new Uint8Array(1)
    await store.read(0, read, noSignal)
    expect(read[0]).toBe(7)
    await store.close()
  })

  it('repeats-an-opening-that-may-pass', async () => {
    const source = `let calls = 0
      export function openStore() {
        calls += 1
        if (calls < 3) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
        return { byteLength: calls, capabilities: { writable: false, concurrencyMax: 1,
          callBytesMax: 1, atomicFlush: false }, read() {}, close() {} }
      }`
    const url = new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const store = await openStoreRef(retry(storeRef(url, {}), { delayMs: 1 }))
    expect(store.byteLength).toBe(3)
    const final = openStoreRef(retry(storeRef(new URL('file:///no/such.mjs'), {})))
    await expect(final).rejects.toMatchObject({ code: 'STORE_MODULE' })
  })

  it('names-options-that-are-wrong-at-the-callers-line', () => {
    const memory = memoryStore({ byteLength: 1 })
    const wrong: ReadonlyArray<readonly [object, string]> = [
      [{ attempts: 3 }, 'attempts'],
      [{ attemptsMax: 0 }, 'attemptsMax'],
      [{ attemptsMax: 1.5 }, 'attemptsMax'],
      [{ delayMs: '5' }, 'delayMs'],
      [{ delayMaxMs: -1 }, 'delayMaxMs'],
      [{ totalDelayMaxMs: Number.NaN }, 'totalDelayMaxMs'],
      [{ budgetRefill: 2 }, 'budgetRefill'],
    ]
    for (const [options, name] of wrong) {
      expect(() => retry(memory, options), name).toThrow(name)
      expect(() => retryStore(new HeldStore(), options), name).toThrow(name)
    }
  })
})

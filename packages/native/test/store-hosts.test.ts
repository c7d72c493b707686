// Stores that run in a worker: bytes and errors find their way, and the calls of a worker that
// dies are answered by the next one.

import { NativeError, type NativeRegionEvent } from '@umap/native'
import { describe, expect, it } from 'vitest'
import { behaviour, createBuffer, MemoryHost, native, pageBytes } from './regions.ts'

const byteLength = 32 * pageBytes

async function openHost(graceMs?: number): Promise<{ host: MemoryHost; id: number }> {
  const host = new MemoryHost(byteLength, graceMs)
  await host.start()
  return { host, id: host.open(createBuffer()) }
}

async function close(id: number): Promise<void> {
  native.regionUnmap(id)
  expect(await native.regionClose(id)).toBe(true)
}

describe('a store in a worker', () => {
  it('answers faults of a blocked thread, and gets what was written', async () => {
    const { host, id } = await openHost()
    host.bytes.forEach((_, index, bytes) => {
      bytes[index] = index % 251
    })
    const view = new Uint8Array(native.regionMap(id, false))
    expect(view.every((byte, index) => byte === index % 251)).toBe(true)
    view[3 * pageBytes] = 255
    await native.regionFlush(id, 0, byteLength)
    expect(host.bytes[3 * pageBytes]).toBe(255)
    await native.regionDiscard(id, 0, pageBytes)
    expect(host.bytes[1]).toBe(0)
    const calls = native.hostCalls(host.id)
    expect(calls).toMatchObject({ served: true, pending: 0, inFlight: 0, failed: 0 })
    expect(calls.completed).toBeGreaterThan(0)
    await close(id)
  })

  it('says hole, and the page is zeros', async () => {
    const { host, id } = await openHost()
    host.bytes.fill(9)
    host.behave(behaviour.hole)
    const view = new Uint8Array(native.regionMap(id, false))
    expect(view[0]).toBe(0)
    host.behave(behaviour.answer)
    await close(id)
  })

  it('fails with its own error', async () => {
    const { host, id } = await openHost()
    host.behave(behaviour.fail)
    const failing = native.regionPrefault(id, Float64Array.of(0, 1))
    await expect(failing).rejects.toBeInstanceOf(NativeError)
    await expect(failing).rejects.toMatchObject({ errno: 28, retryable: false })
    const detail = await failing.then(undefined, (error: NativeError) => error.detail)
    expect(JSON.parse(detail ?? '')).toMatchObject({ code: 'ENOSPC', message: 'no space' })
    host.behave(behaviour.answer)
    await native.regionPrefault(id, Float64Array.of(0, 1))
    expect(await native.regionClose(id)).toBe(true)
  })

  it('keeps a region whose write-back fails, tells of it, and closing can be repeated', async () => {
    const { host, id } = await openHost()
    const events: NativeRegionEvent[] = []
    const subscription = native.regionSubscribe(id, (event) => events.push(event))
    new Uint8Array(native.regionMap(id, false))[5] = 55
    host.behave(behaviour.fail)
    await expect(native.regionClose(id)).rejects.toMatchObject({ errno: 28 })
    expect(events[0]).toMatchObject({ kind: 'write-back', offset: 0, byteLength: pageBytes })
    expect(events[0]?.error).toBeInstanceOf(NativeError)
    native.regionUnsubscribe(id, subscription)
    native.regionUnsubscribe(id, subscription)
    const view = new Uint8Array(native.regionMap(id, false))
    expect(view[5]).toBe(55)
    host.behave(behaviour.answer)
    await close(id)
    expect(host.bytes[5]).toBe(55)
  })
})

describe('a worker that dies', () => {
  it.each([
    ['is terminated', behaviour.keep],
    ['exits', behaviour.exit],
    ['throws', behaviour.throw],
  ])('when it %s in a call leaves the call to the next one', async (_how, kind) => {
    const { host, id } = await openHost()
    host.bytes[0] = 42
    host.behave(kind)
    const ended = host.ended()
    const filled = native.regionPrefault(id, Float64Array.of(0, 1))
    await host.shown()
    if (kind === behaviour.keep) await host.stop()
    await ended
    expect(native.hostCalls(host.id)).toMatchObject({ served: false, pending: 1, requeued: 1 })
    host.behave(behaviour.answer)
    await host.start()
    await filled
    const view = new Uint8Array(native.regionMap(id, false))
    expect(view[0]).toBe(42)
    await close(id)
  })

  it('and is not replaced makes calls fail', async () => {
    const { host, id } = await openHost(10)
    await host.stop()
    await expect(native.regionPrefault(id, Float64Array.of(0, 1))).rejects.toMatchObject({
      errno: 104,
      message: expect.stringContaining('store host died'),
    })
    await host.start()
    await native.regionPrefault(id, Float64Array.of(0, 1))
    expect(await native.regionClose(id)).toBe(true)
  })
})

describe('a store host', () => {
  it('that is closed fails what waits', async () => {
    const { host, id } = await openHost()
    host.behave(behaviour.keep)
    const waiting = native.regionPrefault(id, Float64Array.of(0, 1))
    await host.shown()
    native.hostClose(host.id)
    await expect(waiting).rejects.toMatchObject({ errno: 104 })
    expect(() => native.hostCalls(host.id)).toThrow(NativeError)
    expect(await native.regionClose(id)).toBe(true)
  })

  it('is served by one worker only', async () => {
    const { host, id } = await openHost()
    expect(() => native.hostServe(host.id, () => false)).toThrow(/another worker/)
    expect(await native.regionClose(id)).toBe(true)
  })

  it('is never served by a thread that maps a region', async () => {
    const { id } = await openHost()
    const own = native.hostCreate({ arenaBytes: 4096, graceMs: 0 })
    native.regionMap(id, false)
    expect(() => native.hostServe(own, () => false)).toThrow(/maps a region/)
    native.regionUnmap(id)
    expect(native.hostServe(own, () => false)).toBeInstanceOf(ArrayBuffer)
    expect(() => native.regionMap(id, false)).toThrow(/runs stores/)
    expect(() => native.regionPin(id, 0, 1)).toThrow(/runs stores/)
    native.hostClose(own)
    native.regionMap(id, false)
    await close(id)
  })
})

// A store is opened from plain data, and what does not keep the contract is refused by name.

import { checkPageStore, memoryStore, openStoreRef, StoreError, storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'

function moduleOf(source: string): URL {
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`)
}

const good = {
  byteLength: 4096,
  capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 4096, atomicFlush: false },
  read: () => undefined,
  close: () => undefined,
}

async function errorOf(opening: Promise<unknown>): Promise<StoreError> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  return error as StoreError
}

describe('openStoreRef', () => {
  it('passes-options-and-access-to-the-module', async () => {
    const source = `export const openStore = async (options, context) => ({
      byteLength: options.bytes, capabilities: { writable: context.access === 'read-write',
      concurrencyMax: 1, callBytesMax: 1, atomicFlush: false }, read() {}, write() {}, close() {} })`
    const ref = storeRef(moduleOf(source), { bytes: 7 })
    expect((await openStoreRef(ref, { access: 'read-write' })).capabilities.writable).toBe(true)
    expect((await openStoreRef(ref, { access: 'read-only' })).capabilities.writable).toBe(false)
    expect((await openStoreRef(ref)).byteLength).toBe(7)
  })

  it('opens-a-store-by-the-name-of-its-package', async () => {
    const store = await openStoreRef({ module: '@umap/store', options: { byteLength: 100 } })
    expect(store.byteLength).toBe(100)
  })

  it('opens-a-reference-that-went-through-a-message-port', async () => {
    const store = await openStoreRef(structuredClone(memoryStore({ byteLength: 10 })))
    expect(store.byteLength).toBe(10)
  })

  it('names-a-module-that-cannot-be-loaded', async () => {
    const missing = await errorOf(openStoreRef(storeRef(new URL('file:///no/such/store.js'), {})))
    expect(missing).toMatchObject({ code: 'STORE_MODULE' })
    expect(missing.message).toContain('file:///no/such/store.js')
    expect(missing.cause).toBeInstanceOf(Error)
    const throwing = await errorOf(openStoreRef(storeRef(moduleOf('throw new Error("why")'), {})))
    expect(throwing.code).toBe('STORE_MODULE')
    expect(throwing.message).toContain('why')
  })

  it('names-an-export-that-is-missing', async () => {
    const error = await errorOf(openStoreRef(storeRef(moduleOf('export const a = 1'), {}, 'open')))
    expect(error.code).toBe('STORE_INVALID')
    expect(error.message).toContain('function named open')
  })

  it('lets-errors-of-the-store-through', async () => {
    const source = 'export function openStore() { throw new RangeError("too big") }'
    await expect(openStoreRef(storeRef(moduleOf(source), {}))).rejects.toThrow(RangeError)
  })

  it('closes-what-it-refuses', async () => {
    const source = `export const openStore = () => ({ read() {}, close() { globalThis.closed = 1 } })`
    const error = await errorOf(openStoreRef(storeRef(moduleOf(source), {})))
    expect(error.message).toContain('byteLength')
    expect(Reflect.get(globalThis, 'closed')).toBe(1)
    Reflect.deleteProperty(globalThis, 'closed')
  })
})

describe('checkPageStore', () => {
  it('takes-a-store-that-keeps-the-contract', () => {
    expect(checkPageStore(good, 'm')).toBe(good)
    const capabilities = { ...good.capabilities, nativeFd: 3, nativeDirect: true, writable: true }
    const full = { ...good, capabilities, version: 'v1', write() {}, flush() {}, discard() {} }
    expect(checkPageStore(full, 'm')).toBe(full)
  })

  it('names-module-and-field-of-a-store-that-does-not', () => {
    const wrong: ReadonlyArray<readonly [object, string]> = [
      [{ byteLength: -1 }, 'byteLength'],
      [{ byteLength: 1.5 }, 'byteLength'],
      [{ byteLength: 2 ** 53 }, 'byteLength'],
      [{ byteLength: 10n }, 'byteLength'],
      [{ read: undefined }, 'read'],
      [{ close: 1 }, 'close'],
      [{ write: {} }, 'write'],
      [{ flush: 'x' }, 'flush'],
      [{ discard: null }, 'discard'],
      [{ version: '' }, 'version'],
      [{ version: 7 }, 'version'],
      [{ capabilities: undefined }, 'capabilities'],
      [{ capabilities: [] }, 'capabilities'],
      [{ capabilities: { ...good.capabilities, writable: 1 } }, 'capabilities.writable'],
      [{ capabilities: { ...good.capabilities, writable: true } }, 'write function'],
      [{ capabilities: { ...good.capabilities, atomicFlush: 0 } }, 'capabilities.atomicFlush'],
      [{ capabilities: { ...good.capabilities, concurrencyMax: 0 } }, 'concurrencyMax'],
      [{ capabilities: { ...good.capabilities, concurrencyMax: Infinity } }, 'concurrencyMax'],
      [{ capabilities: { ...good.capabilities, callBytesMax: '4' } }, 'callBytesMax'],
      [{ capabilities: { ...good.capabilities, nativeFd: -1 } }, 'capabilities.nativeFd'],
      [{ capabilities: { ...good.capabilities, nativeDirect: 1 } }, 'capabilities.nativeDirect'],
      [{ capabilities: { ...good.capabilities, own: () => 1 } }, 'plain data'],
      [{ capabilities: Object.create(good.capabilities) }, 'plain object'],
    ]
    for (const [part, field] of wrong) {
      const check = () => checkPageStore({ ...good, ...part }, 'file:///m.js')
      expect(check, field).toThrow(expect.objectContaining({ code: 'STORE_INVALID' }))
      expect(check, field).toThrow(field)
      expect(check, field).toThrow('file:///m.js')
    }
    expect(() => checkPageStore(null, 'm')).toThrow('null')
    expect(() => checkPageStore(undefined, 'm')).toThrow('undefined')
  })
})

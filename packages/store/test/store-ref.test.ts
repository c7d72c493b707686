// References are plain data; what could not travel fails where the reference is made.

import { resolveStoreRef, storeRef } from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const url = new URL('file:///stores/mine.js')

function messageOf(make: () => unknown): string {
  try {
    make()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error('it did not throw')
}

describe('storeRef', () => {
  it('names-module-export-and-options', () => {
    expect(storeRef(url, { a: 1 })).toEqual({
      url: 'file:///stores/mine.js',
      exportName: 'openStore',
      options: { a: 1 },
    })
    expect(storeRef(url, null, 'openOther').exportName).toBe('openOther')
  })

  it('takes-a-copy-of-the-options', () => {
    const options = { list: [1, 2] }
    const ref = storeRef(url, options)
    options.list.push(3)
    expect(ref.options).toEqual({ list: [1, 2] })
  })

  it('shares-a-shared-array-buffer', () => {
    const data = new SharedArrayBuffer(8)
    const ref = storeRef(url, { data })
    new Uint8Array(data)[3] = 42
    expect(new Uint8Array(ref.options.data)[3]).toBe(42)
  })

  it('names-the-part-that-cannot-be-cloned', () => {
    const cyclic: { self?: unknown; bad?: unknown } = {}
    cyclic.self = cyclic
    expect(storeRef(url, cyclic).options.self).toBeTypeOf('object')
    cyclic.bad = Symbol('s')
    expect(messageOf(() => storeRef(url, cyclic))).toContain('options.bad is a symbol')
    const nested = { list: [0, { 'the name': () => 1 }] }
    expect(messageOf(() => storeRef(url, nested))).toContain(
      'options.list[1]["the name"] is a function',
    )
    expect(messageOf(() => storeRef(url, { map: new Map([['k', () => 1]]) }))).toContain(
      'options.map.entry(1) is a function',
    )
    expect(messageOf(() => storeRef(url, { wait: Promise.resolve() }))).toContain(
      'options.wait is an instance of Promise',
    )
  })

  it('refuses-an-instance-that-would-lose-its-class', () => {
    class Client {
      region = 'eu'
    }
    expect(messageOf(() => storeRef(url, { client: new Client() }))).toContain(
      'options.client is an instance of Client',
    )
    expect(messageOf(() => storeRef(url, { url }))).toContain('options.url is an instance of URL')
  })

  it('keeps-what-the-platform-clones', () => {
    const options = {
      date: new Date(5),
      bytes: new Uint8Array([1, 2]),
      map: new Map([['a', 1]]),
      bare: Object.assign(Object.create(null), { x: 1 }),
      big: 1n,
    }
    expect(storeRef(url, options).options).toEqual(options)
  })

  it('refuses-a-url-that-is-none-and-an-empty-export-name', () => {
    expect(messageOf(() => storeRef('file:///x.js' as never, {}))).toContain('url must be a URL')
    expect(messageOf(() => storeRef(url, {}, ''))).toContain('exportName')
  })

  it('keeps-any-plain-data-as-it-was', () => {
    const plain = fc.anything({ withNullPrototype: false, withDate: true, withTypedArray: true })
    fc.assert(
      fc.property(plain, (options) => {
        const ref = storeRef(url, options)
        expect(ref.options).toEqual(options)
        expect(structuredClone(ref)).toEqual({ ...ref })
        expect(resolveStoreRef(ref)).toBe(ref)
      }),
    )
  })
})

// What `umap()` refuses before it opens anything, and how it says so. Needs no engine.

import { PageBuffer, UmapError, type UmapOptions, umap } from '@umap/core'
import { memoryStore, storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { resolveOptions, resolveWindow } from '../src/options.ts'

const store = memoryStore({ byteLength: 1 << 20 })

async function failureOf(options: unknown): Promise<Error> {
  try {
    await umap(options as UmapOptions)
  } catch (error) {
    return error as Error
  }
  throw new Error('umap() accepted the options')
}

describe('options of umap', () => {
  it.each<[string, unknown, ErrorConstructor, RegExp]>([
    ['no options', undefined, TypeError, /options must be an object/],
    ['no store', {}, TypeError, /store must be given/],
    ['a store of another kind', { store: 'points.f64' }, TypeError, /store/],
    ['an unknown option', { store, pageSize: 4096 }, TypeError, /no option named pageSize/],
    ['an unknown access', { store, access: 'write' }, TypeError, /access must be 'read-only' or/],
    ['page bytes that are text', { store, pageBytes: '64K' }, TypeError, /pageBytes/],
    ['odd page bytes', { store, pageBytes: 5000 }, RangeError, /pageBytes .*5000/],
    ['tiny pages', { store, pageBytes: 1024 }, RangeError, /pageBytes/],
    ['huge pages', { store, pageBytes: 2 ** 31 }, RangeError, /pageBytes/],
    ['a misaligned offset', { store, offset: 4096 }, RangeError, /offset .*multiple of pageBytes/],
    ['a negative offset', { store, offset: -65536 }, RangeError, /offset/],
    ['a negative length', { store, byteLength: -1 }, RangeError, /byteLength/],
    ['half a byte', { store, byteLength: 0.5 }, RangeError, /byteLength/],
    ['a length that is a bigint', { store, byteLength: 1n }, TypeError, /byteLength/],
    ['a buffer of one page', { store, buffer: { bytes: 65536 } }, RangeError, /buffer\.bytes/],
    [
      'a buffer that is a number',
      { store, buffer: 2 ** 20 },
      TypeError,
      /buffer must be an object/,
    ],
    ['an unknown buffer option', { store, buffer: { size: 1 } }, TypeError, /buffer .*named size/],
    ['crossed watermarks', watermarks(40, 60), RangeError, /buffer\.lowWaterPercent 60/],
    ['an unknown way of faults', { store, faults: 'magic' }, TypeError, /faults must be.*'magic'/],
    ['faults that are a number', { store, faults: 1 }, TypeError, /faults must be .*'signal'.* 1$/],
    ['an unknown host', { store, host: 'cloud' }, TypeError, /host must be/],
    ['shared as text', { store, shared: 'yes' }, TypeError, /shared must be a boolean/],
  ])('refuses %s', async (_what, options, type, message) => {
    const error = await failureOf(options)
    expect(error).toBeInstanceOf(type)
    expect(error).not.toBeInstanceOf(UmapError)
    expect(error.message).toMatch(message)
  })

  it('says which store cannot go to a process of its own, and why', async () => {
    const shared = storeRef(new URL('file:///stores/open.mjs'), { data: new SharedArrayBuffer(8) })
    const error = await failureOf({ store: shared, host: 'process' })
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(/host is 'process'.*stores\/open\.mjs.*SharedArrayBuffer/)
  })

  it('shows the line of the caller on top of the stack', async () => {
    const error = await failureOf({ store, pageBytes: 5000 })
    const top = error.stack?.split('\n').find((line) => line.includes(' at '))
    expect(top).toContain('options.test.ts')
  })

  it('fills in the defaults, then the environment, then the options', () => {
    expect(resolveOptions({ store }, {})).toMatchObject({
      access: 'read-only',
      pageBytes: 65536,
      offset: 0,
      shared: false,
      readAheadPagesMax: -1,
      faults: 'auto',
    })
    const defaults = { pageBytes: 4096, readAheadPages: 0, faults: 'signal' } as const
    expect(resolveOptions({ store }, defaults)).toMatchObject({
      pageBytes: 4096,
      readAheadPagesMax: 0,
      faults: 'signal',
    })
    expect(resolveOptions({ store, faults: 'auto' }, defaults).faults).toBe('auto')
    expect(resolveOptions({ store, pageBytes: 2 ** 21 }, defaults).pageBytes).toBe(2 ** 21)
  })
})

describe('options of PageBuffer', () => {
  it.each<[string, unknown, ErrorConstructor, RegExp]>([
    ['an unknown option', { size: 4096 }, TypeError, /no option named size/],
    ['text', { bytes: '1 GiB' }, TypeError, /bytes/],
    ['less than two system pages', { bytes: 4096 }, RangeError, /bytes/],
    ['more than all', { highWaterPercent: 101 }, RangeError, /highWaterPercent/],
    ['crossed watermarks', { highWaterPercent: 50, lowWaterPercent: 50 }, RangeError, /lowWater/],
  ])('refuses %s', (_what, options, type, message) => {
    const create = () => new PageBuffer(options as object)
    expect(create).toThrow(type)
    expect(create).toThrow(message)
  })
})

describe('the window of a store', () => {
  const window = (offset: number, byteLength?: number) => ({ offset, byteLength })

  it('reaches to the end of the store by default', () => {
    expect(resolveWindow(window(65536), 100_000)).toEqual({ offset: 65536, byteLength: 34464 })
    expect(resolveWindow(window(65536), 65536)).toEqual({ offset: 65536, byteLength: 0 })
  })

  it('stays inside of the store', () => {
    expect(() => resolveWindow(window(131072), 100_000)).toThrow(/offset 131072 is past the end/)
    expect(() => resolveWindow(window(65536, 40_000), 100_000)).toThrow(/byteLength 40000/)
  })

  it('has 4 GiB at most before Node 22, and says so', () => {
    const bytes = 2 ** 32 + 1
    expect(() => resolveWindow(window(0), bytes, '20.19.0')).toThrow(RangeError)
    expect(() => resolveWindow(window(0), bytes, '20.19.0')).toThrow(/needs Node 22/)
    expect(resolveWindow(window(0), 2 ** 32, '20.19.0').byteLength).toBe(2 ** 32)
    expect(resolveWindow(window(0), bytes, '22.12.0').byteLength).toBe(bytes)
  })
})

function watermarks(highWaterPercent: number, lowWaterPercent: number): unknown {
  return { store, buffer: { bytes: 2 ** 20, highWaterPercent, lowWaterPercent } }
}

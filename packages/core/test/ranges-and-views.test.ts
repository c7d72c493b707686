// Ranges and views: which parts of a region can be named, and what is said about others. Needs no
// engine, for the rules are the same on any ArrayBuffer.

import { describe, expect, it } from 'vitest'
import { resolveRange, resolveRanges } from '../src/range.ts'
import { createView } from '../src/view.ts'

describe('a range', () => {
  it('is all of the region where nothing is said, and reaches to its end by default', () => {
    expect(resolveRange(undefined, 1000)).toEqual({ offset: 0, byteLength: 1000 })
    expect(resolveRange({}, 1000)).toEqual({ offset: 0, byteLength: 1000 })
    expect(resolveRange({ offset: 600 }, 1000)).toEqual({ offset: 600, byteLength: 400 })
    expect(resolveRange({ byteLength: 10 }, 1000)).toEqual({ offset: 0, byteLength: 10 })
    expect(resolveRange({ offset: 1000 }, 1000)).toEqual({ offset: 1000, byteLength: 0 })
  })

  it.each<[unknown, ErrorConstructor, RegExp]>([
    [5, TypeError, /range must be an object/],
    [null, TypeError, /range must be an object/],
    [{ start: 1 }, TypeError, /named start/],
    [{ offset: '1' }, TypeError, /range\.offset/],
    [{ offset: -1 }, RangeError, /range\.offset/],
    [{ offset: 1001 }, RangeError, /range\.offset 1001 reaches past the end/],
    [{ offset: 1, byteLength: 1000 }, RangeError, /range\.byteLength 1000 reaches past the end/],
    [{ byteLength: 1.5 }, RangeError, /range\.byteLength/],
  ])('%j is refused', (range, type, message) => {
    expect(() => resolveRange(range as object, 1000)).toThrow(type)
    expect(() => resolveRange(range as object, 1000)).toThrow(message)
  })

  it('may be a list', () => {
    expect(resolveRanges([], 1000)).toEqual([])
    expect(resolveRanges(undefined, 1000)).toEqual([{ offset: 0, byteLength: 1000 }])
    expect(resolveRanges([{ offset: 990 }, { byteLength: 1 }], 1000)).toEqual([
      { offset: 990, byteLength: 10 },
      { offset: 0, byteLength: 1 },
    ])
    expect(() => resolveRanges([undefined as unknown as object], 1000)).toThrow(TypeError)
  })
})

describe('a view', () => {
  const buffer = new ArrayBuffer(1000)
  const constructors = [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ] as const

  it.each(constructors)('can be a %o', (ctor) => {
    const view = createView(buffer, ctor, 16, 3)
    expect(view).toBeInstanceOf(ctor)
    expect(view.buffer).toBe(buffer)
    expect([view.byteOffset, view.length]).toEqual([16, 3])
    expect(createView(buffer, ctor).byteLength).toBe(1000)
  })

  it('can be a DataView', () => {
    const view = createView(buffer, DataView, 3, 5)
    expect(view).toBeInstanceOf(DataView)
    expect([view.byteOffset, view.byteLength]).toEqual([3, 5])
  })

  it('can be a Buffer', () => {
    const view = createView(buffer, Buffer, 3, 5)
    expect(Buffer.isBuffer(view)).toBe(true)
    expect(view.buffer).toBe(buffer)
    expect([view.byteOffset, view.length]).toEqual([3, 5])
  })

  it('may be empty at the end', () => {
    expect(createView(buffer, Float64Array, 1000).length).toBe(0)
  })

  it.each<[string, unknown[], ErrorConstructor, RegExp]>([
    ['no constructor', [undefined], TypeError, /ctor/],
    ['a class of another kind', [Map], TypeError, /ctor/],
    ['a misaligned offset', [Float64Array, 4], RangeError, /byteOffset 4 is misaligned/],
    ['an offset outside', [Uint8Array, 1001], RangeError, /byteOffset 1001 is outside/],
    ['a negative offset', [Uint8Array, -1], RangeError, /byteOffset/],
    ['an offset that is text', [Uint8Array, '1'], TypeError, /byteOffset/],
    ['a length outside', [Uint32Array, 8, 249], RangeError, /length 249 reaches outside/],
    ['a length outside of bytes', [Buffer, 999, 2], RangeError, /length 2 reaches outside/],
    ['a length that does not fit', [Float64Array, 8, 0.5], RangeError, /length/],
  ])('refuses %s', (_what, args, type, message) => {
    const [ctor, ...rest] = args as [typeof Uint8Array, number?, number?]
    expect(() => createView(buffer, ctor, ...rest)).toThrow(type)
    expect(() => createView(buffer, ctor, ...rest)).toThrow(message)
  })

  it('wants a length where the rest is no whole number of elements', () => {
    expect(() => createView(new ArrayBuffer(1001), Float64Array)).toThrow(/length must be given/)
    expect(createView(new ArrayBuffer(1001), Float64Array, 0, 125).length).toBe(125)
  })
})

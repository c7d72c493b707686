// The binding called with anything but what it expects: errors, never a crash.

import { type NativeBinding, NativeError } from '@umap/native'
import { describe, expect, it } from 'vitest'
import { createBuffer, native, openFileRegion, openScratchFile } from './regions.ts'

// These change the process for all tests; what they do with nonsense is seen by their own tests.
const exempt = new Set(['processExiting', 'setErrorClass', 'configureEngine', 'setTestPoint'])

const throwing = Object.defineProperty({}, 'store', {
  get() {
    throw new RangeError('a getter that throws')
  },
})

const values = (): unknown[] => [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  1e300,
  10n,
  '',
  'x',
  Symbol('s'),
  {},
  [],
  () => {},
  new Float64Array(3),
  Float64Array.of(-1, 2),
  Float64Array.of(0, 2 ** 60),
  new Uint8Array(2),
  new ArrayBuffer(8),
  throwing,
  { budgetBytes: 'many' },
  { arenaBytes: 4096 },
  { store: { kind: 'else' }, writable: true, pageBytes: 4096, offset: 0, byteLength: 1 },
  new Proxy({}, { get: () => Symbol('p') }),
]

function call(name: string, args: unknown[]): unknown {
  const bound: unknown = native[name as keyof NativeBinding]
  return Reflect.apply(bound as (...args: unknown[]) => unknown, native, args)
}

/** Calls and sorts what comes back; promises are answered by their rejection. */
async function outcomeOf(name: string, args: unknown[]): Promise<unknown> {
  try {
    return await call(name, args)
  } catch (error) {
    return error
  }
}

const functions = Object.keys(native).filter((name) => !exempt.has(name))

describe('nonsense', () => {
  it.each(functions)('for %s ends in an error or in nothing', async (name) => {
    for (const first of values()) {
      for (const second of [undefined, ...values()]) {
        const outcome = await outcomeOf(name, [first, second])
        if (outcome instanceof Error) {
          const isKnown =
            outcome instanceof TypeError ||
            outcome instanceof RangeError ||
            outcome instanceof NativeError
          expect(isKnown, `${name}: ${outcome}`).toBe(true)
        }
      }
    }
  })

  it.each(functions.filter((name) => name.startsWith('region') && name !== 'regionOpen'))(
    'beside a real region for %s ends in an error or in nothing',
    async (name) => {
      const byteLength = 8192
      const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
      for (const second of values()) {
        for (const third of values()) {
          await outcomeOf(name, [id, second, third])
        }
      }
      await native.regionClose(id).catch(() => undefined)
    },
  )

  it('is named in the message', () => {
    expect(() => call('bufferCreate', [{ budgetBytes: 'many' }])).toThrow(/budgetBytes/)
    expect(() => call('regionPrefault', [1, [0, 1]])).toThrow(/Float64Array/)
    expect(() => call('regionOpen', [throwing])).toThrow(TypeError)
    expect(() => call('configureEngine', [{ fillers: -1 }])).toThrow(/fillers/)
    expect(() => call('configureEngine', [{ featuresDenied: ['x'] }])).toThrow(/featuresDenied/)
  })
})

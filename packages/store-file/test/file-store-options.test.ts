// Wrong options fail at the line of the caller, by name and value.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { resolveStoreRef } from '@umap/store'
import { type FileStoreOptions, fileStore, openStore } from '@umap/store-file'
import { describe, expect, it } from 'vitest'

describe('fileStore', () => {
  it('makes-a-reference-to-this-package-with-an-absolute-path', () => {
    const ref = fileStore({ path: 'data/x.bin', create: true, byteLength: 10, direct: false })
    expect(ref.options).toEqual({
      path: path.resolve('data/x.bin'),
      create: true,
      byteLength: 10,
      direct: false,
    })
    expect(ref.url).toMatch(/store-file\/dist\/open\.js$/)
    expect(structuredClone(ref)).toEqual({ ...ref })
    expect(resolveStoreRef(ref)).toBe(ref)
  })

  it('takes-a-file-url', () => {
    const file = path.resolve('a #b%.bin')
    expect(fileStore({ path: pathToFileURL(file) }).options).toEqual({ path: file })
  })

  it('leaves-out-what-was-not-given', () => {
    expect(fileStore({ path: '/x', create: undefined } as never).options).toEqual({ path: '/x' })
  })

  const wrong: ReadonlyArray<readonly [unknown, 'TypeError' | 'RangeError', RegExp]> = [
    [undefined, 'TypeError', /object with path, not undefined/],
    ['x.bin', 'TypeError', /object with path, not "x.bin"/],
    [{}, 'TypeError', /path .* not undefined/],
    [{ path: '' }, 'TypeError', /path .* not ""/],
    [{ path: 7 }, 'TypeError', /path .* not 7/],
    [{ path: 'a\0b' }, 'TypeError', /path .* not "a\\u0000b"/],
    [{ path: new URL('https://example.org/x') }, 'TypeError', /path .* https:\/\/example/],
    [{ path: 'x', bytelength: 1 }, 'TypeError', /no option named bytelength/],
    [{ path: 'x', create: 1 }, 'TypeError', /create .* not 1/],
    [{ path: 'x', direct: 'yes' }, 'TypeError', /direct .* not "yes"/],
    [{ path: 'x', byteLength: '10' }, 'TypeError', /byteLength .* not "10"/],
    [{ path: 'x', byteLength: 10n }, 'TypeError', /byteLength .* not 10/],
    [{ path: 'x', byteLength: -1 }, 'RangeError', /byteLength .* not -1/],
    [{ path: 'x', byteLength: 0.5 }, 'RangeError', /byteLength .* not 0.5/],
    [{ path: 'x', byteLength: Number.NaN }, 'RangeError', /byteLength .* not NaN/],
    [{ path: 'x', byteLength: 2 ** 53 }, 'RangeError', /byteLength .* not 9007199254740992/],
  ]

  it('refuses-wrong-options-by-name-and-value', () => {
    for (const [options, name, message] of wrong) {
      expect(() => fileStore(options as FileStoreOptions), String(message)).toThrow(
        expect.objectContaining({ name, message: expect.stringMatching(message) }),
      )
    }
  })

  it('refuses-them-when-opened-without-the-factory-too', async () => {
    for (const [options, name, message] of wrong) {
      await expect(openStore(options as FileStoreOptions), String(message)).rejects.toThrow(
        expect.objectContaining({ name, message: expect.stringMatching(message) }),
      )
    }
  })
})

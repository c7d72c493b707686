// Options are checked where the reference is made, and each error names the option.

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { describeSqlite, sqliteStore } from './supported.ts'

describeSqlite('options', () => {
  it('a-reference-is-plain-data-with-an-absolute-path', () => {
    const ref = sqliteStore({ path: 'a/b.db', name: 'n', byteLength: 5, pageBytes: 4096 })
    expect(structuredClone(ref)).toEqual(ref)
    expect(ref.options).toEqual({
      path: path.resolve('a/b.db'),
      name: 'n',
      byteLength: 5,
      pageBytes: 4096,
    })
    expect(sqliteStore({ path: pathToFileURL('/ü/#?.db') }).options.path).toBe('/ü/#?.db')
  })

  it.each([
    [undefined, TypeError, /object with path/],
    [{}, TypeError, /path must be/],
    [{ path: '' }, TypeError, /path must be/],
    [{ path: 'a\0b' }, TypeError, /path must be/],
    [{ path: 'a.db ' }, TypeError, /white space/],
    [{ path: new URL('http://host/x') }, TypeError, /path.*http:/],
    [{ path: 'x', name: '' }, TypeError, /name/],
    [{ path: 'x', name: 7 }, TypeError, /name/],
    [{ path: 'x', create: 1 }, TypeError, /create/],
    [{ path: 'x', byteLength: '5' }, TypeError, /byteLength/],
    [{ path: 'x', byteLength: -1 }, RangeError, /byteLength.*-1/],
    [{ path: 'x', byteLength: 1.5 }, RangeError, /byteLength.*1\.5/],
    [{ path: 'x', pageBytes: 100 }, RangeError, /pageBytes.*100/],
    [{ path: 'x', pageBytes: 256 }, RangeError, /pageBytes.*256/],
    [{ path: 'x', pageBytes: 2 ** 25 }, RangeError, /pageBytes/],
    [{ path: 'x', pageBytes: '4096' }, TypeError, /pageBytes/],
    [{ path: 'x', filename: 'y' }, TypeError, /no option named filename/],
  ])('%j is refused', (options, type, message) => {
    const call = () => sqliteStore(options as never)
    expect(call).toThrow(type)
    expect(call).toThrow(message)
  })
})

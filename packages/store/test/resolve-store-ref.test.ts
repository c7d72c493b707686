// `{ module, options, parent }` finds the module that an import in the parent would find.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { resolveStoreRef, StoreError, type StoreSource } from '@umap/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let root: string
let parent: URL

function addPackage(name: string, json: object, files: readonly string[]): string {
  const directory = path.join(root, 'app', 'node_modules', ...name.split('/'))
  for (const file of ['package.json', ...files]) {
    mkdirSync(path.dirname(path.join(directory, file)), { recursive: true })
    writeFileSync(
      path.join(directory, file),
      file === 'package.json' ? JSON.stringify({ name, type: 'module', ...json }) : '',
    )
  }
  return directory
}

function resolve(module: string, from: string | URL | undefined = parent): string {
  return resolveStoreRef({ module, options: { a: 1 }, ...(from && { parent: from }) }).url
}

function codeOf(module: string): string {
  try {
    resolve(module)
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError)
    expect((error as Error).message).toContain(module)
    return (error as StoreError).code
  }
  throw new Error('it did not throw')
}

beforeAll(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'umap-resolve-')))
  mkdirSync(path.join(root, 'app', 'conf'), { recursive: true })
  parent = pathToFileURL(path.join(root, 'app', 'conf', 'umap.json'))
})

afterAll(() => {
  rmSync(root, { recursive: true, force: true })
})

describe('resolveStoreRef with a path', () => {
  it('resolves-a-relative-path-against-the-parent', () => {
    const expected = pathToFileURL(path.join(root, 'app', 'conf', 'my store#1.js')).href
    expect(resolve('./my store#1.js')).toBe(expected)
    expect(resolve('./my store#1.js', parent.href)).toBe(expected)
    expect(resolve('../x.js')).toBe(pathToFileURL(path.join(root, 'app', 'x.js')).href)
  })

  it('refuses-a-relative-path-without-a-parent', () => {
    expect(() => resolveStoreRef({ module: './x.js', options: {} })).toThrow(TypeError)
    expect(() => resolveStoreRef({ module: './x.js', options: {} })).toThrow(/'.\/x.js'.*parent/)
  })

  it('takes-absolute-paths-and-file-urls', () => {
    const file = path.join(root, 'x.js')
    expect(resolveStoreRef({ module: file }).url).toBe(pathToFileURL(file).href)
    expect(resolve(pathToFileURL(file).href)).toBe(pathToFileURL(file).href)
  })
})

describe('resolveStoreRef with a package', () => {
  it('honours-the-import-condition', () => {
    const directory = addPackage(
      'only-import',
      {
        exports: { '.': { require: './no.cjs', import: { types: './x.d.ts', node: './yes.js' } } },
      },
      ['yes.js'],
    )
    expect(resolve('only-import')).toBe(pathToFileURL(path.join(directory, 'yes.js')).href)
  })

  it('finds-subpaths-patterns-and-scoped-names', () => {
    const directory = addPackage(
      '@scope/stores',
      { exports: { './redis': './r.js', './*.js': './lib/*.js', './lib/secret.js': null } },
      ['r.js', 'lib/disk.js'],
    )
    expect(resolve('@scope/stores/redis')).toBe(pathToFileURL(path.join(directory, 'r.js')).href)
    expect(resolve('@scope/stores/disk.js')).toBe(
      pathToFileURL(path.join(directory, 'lib', 'disk.js')).href,
    )
    expect(codeOf('@scope/stores')).toBe('STORE_MODULE')
    expect(codeOf('@scope/stores/lib/secret.js')).toBe('STORE_MODULE')
  })

  it('prefers-the-longest-pattern-and-the-first-alternative-that-fits', () => {
    const directory = addPackage(
      'patterns',
      {
        exports: {
          './*': './any/*.js',
          './deep/*': [{ browser: './no.js' }, './deep/*.js'],
        },
      },
      ['deep/x.js', 'any/y.js'],
    )
    expect(resolve('patterns/deep/x')).toBe(
      pathToFileURL(path.join(directory, 'deep', 'x.js')).href,
    )
    expect(resolve('patterns/y')).toBe(pathToFileURL(path.join(directory, 'any', 'y.js')).href)
  })

  it('falls-back-to-main-without-exports', () => {
    const directory = addPackage('with-main', { main: './lib/main.js' }, ['lib/main.js', 'b.js'])
    expect(resolve('with-main')).toBe(pathToFileURL(path.join(directory, 'lib', 'main.js')).href)
    expect(resolve('with-main/b.js')).toBe(pathToFileURL(path.join(directory, 'b.js')).href)
  })

  it('lets-a-package-name-itself', () => {
    const directory = addPackage('self-named', { exports: './own.js' }, ['own.js', 'conf/x.json'])
    const inside = pathToFileURL(path.join(directory, 'conf', 'x.json'))
    expect(resolve('self-named', inside)).toBe(pathToFileURL(path.join(directory, 'own.js')).href)
  })

  it('finds-this-package-without-a-parent', () => {
    expect(resolveStoreRef({ module: '@umap/store' }).url).toBe(import.meta.resolve('@umap/store'))
  })

  it('names-a-package-that-is-not-there', () => {
    addPackage('half-there', { exports: './missing.js' }, [])
    expect(codeOf('no-such-store-package')).toBe('STORE_MODULE')
    expect(codeOf('half-there')).toBe('STORE_MODULE')
  })
})

describe('resolveStoreRef with anything else', () => {
  it('refuses-it-and-names-the-part', () => {
    const wrong: ReadonlyArray<readonly [unknown, RegExp]> = [
      [undefined, /store must be/],
      ['@umap/store', /store must be/],
      [{}, /either url .* or module/],
      [{ url: 'file:///x', module: 'x' }, /either url .* or module/],
      [{ url: 'x.js', exportName: 'openStore', options: {} }, /url/],
      [{ url: 'file:///x.js', options: {} }, /exportName/],
      [{ module: '' }, /module/],
      [{ module: 'fs' }, /'fs'/],
      [{ module: 'https://example.org/store.js' }, /https/],
      [{ module: 'x', parent: '/etc/conf' }, /parent must be a file URL/],
      [{ module: 'x', opts: {} }, /opts/],
      [{ module: '/x.js', options: { f() {} } }, /options\.f is a function/],
    ]
    for (const [source, message] of wrong) {
      expect(() => resolveStoreRef(source as StoreSource), JSON.stringify(source)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }),
      )
    }
  })
})

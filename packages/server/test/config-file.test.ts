// What a configuration file may say, and that what is wrong in it is named by file and field.

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, parseConfig, readConfigText } from '../dist/supervisor/config-file.js'
import { scratch } from './scratch.ts'

const place = scratch()
const store = { module: '@umap/store-file', options: { path: '/nowhere/data' } }

/** Reads a configuration as `umap serve` does. */
function read(config: unknown) {
  const file = place('umap.json')
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config))
  return { file, parse: () => parseConfig(readConfigText(file)) }
}

describe('a configuration file', () => {
  it('has the options of serve, and defaults for what it leaves out', () => {
    const { file, parse } = read({
      socket: 'umap.sock',
      buffer: { bytes: 2 ** 20 },
      datasets: { points: { store, access: 'read-write', pageBytes: 4096, allow: [{ uid: 7 }] } },
      limits: { clientsMax: 3 },
      metrics: { port: 0 },
    })
    const { datasets, ...options } = parse()
    expect(options).toEqual({
      socket: path.join(path.dirname(file), 'umap.sock'),
      socketMode: 0o600,
      buffer: { bytes: 2 ** 20 },
      limits: { clientsMax: 3, pinnedBytesMax: 2 ** 18 },
      metricsPort: 0,
    })
    expect(datasets).toHaveLength(1)
    const { store: ref, ...dataset } = datasets[0] ?? { store: undefined }
    expect(ref?.url).toMatch(/^file:.*store-file/)
    expect(dataset).toEqual({
      name: 'points',
      // The package says that its stores are files, which need no store host.
      opensInCaller: true,
      access: 'read-write',
      pageBytes: 4096,
      readAheadPagesMax: -1,
      host: 'worker',
      allow: [{ uid: 7 }],
    })
  })

  it('names modules relative to itself', () => {
    const module = place('store.mjs')
    writeFileSync(module, 'export const openStore = () => {}\n')
    const local = { module: `./${path.basename(module)}`, options: {} }
    const { parse } = read({ socket: '/tmp/umap.sock', datasets: { points: { store: local } } })
    const { datasets, socket } = parse()
    expect(datasets[0]?.store.url).toBe(`file://${module}`)
    expect(datasets[0]?.opensInCaller).toBe(false)
    expect(socket).toBe('/tmp/umap.sock')
  })

  it.each<[unknown, RegExp]>([
    [[], /: options must be an object, not an array$/],
    [{ socket: 's' }, /: datasets must be an object, not undefined$/],
    [{ socket: 's', datasets: { a: { store, access: 'w' } } }, /: datasets\.a\.access must be/],
    [{ socket: 's', datasets: { a: { store: {} } } }, /: datasets\.a\.store: a store must have/],
    [
      { socket: 's', datasets: { a: { store: { module: 'no-such-store' } } } },
      /: datasets\.a\.store: .*no-such-store/,
    ],
    [
      { socket: 5, datasets: { a: { store } } },
      /: socket must be the path of a Unix socket, not 5$/,
    ],
    [{ socket: 'x'.repeat(200), datasets: { a: { store } } }, /: socket must be at most 107 bytes/],
  ])('%j is refused by the name of the field', (config, message) => {
    const { file, parse } = read(config)
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow(message)
    expect(parse).toThrow(file)
  })

  it('is not quoted where it is no JSON: it may hold secrets', () => {
    const { file, parse } = read('{ "socket": "s",\n  "key": secret }')
    expect(parse).toThrow(ConfigError)
    expect(parse).toThrow(file)
    expect(parse).not.toThrow(/secret/)
  })

  it('must be there', () => {
    expect(() => readConfigText('/nowhere/umap.json')).toThrow(ConfigError)
    expect(() => readConfigText('/nowhere/umap.json')).toThrow(
      /^\/nowhere\/umap\.json cannot be read/,
    )
  })
})

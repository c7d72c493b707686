// Layers stack, as references and in configuration files, and all of them together are still the
// store below: nothing is lost on the way down or up.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import {
  cache,
  deserializeError,
  memoryStore,
  openStoreRef,
  resolveStoreRef,
  retry,
  StoreError,
  serializeError,
  storeRef,
  throttle,
  timeout,
  trace,
} from '@umap/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noSignal } from './manual-runtime.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-stack-'))
  writeFileSync(
    path.join(directory, 'flaky.mjs'),
    `let calls = 0
    export function openStore({ byteLength }) {
      return {
        byteLength, version: 'flaky/1',
        capabilities: { writable: false, concurrencyMax: 2, callBytesMax: 4096, atomicFlush: false },
        async read(offset, target) {
          calls += 1
          if (calls % 2 === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
          target.fill(offset / 4096 + 1)
        },
        close() {},
      }
    }`,
  )
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function stack(source: Parameters<typeof retry>[0], name: string) {
  const patient = retry(throttle(timeout(source), { concurrencyMax: 4 }), { delayMs: 1 })
  const cached = cache(patient, {
    path: path.join(directory, name),
    bytes: 2 ** 20,
    blockBytes: 4096,
    trust: 'until-closed',
  })
  return trace(cached, { path: path.join(directory, `${name}.jsonl`) })
}

describe('a stack of layers', () => {
  it('is-the-store-below', async () => {
    const store = await openStoreRef(stack(memoryStore({ byteLength: 10_000 }), 'whole'))
    await store.write?.(4000, new Uint8Array(200).fill(3), noSignal)
    await store.flush?.()
    const target = new Uint8Array(300)
    await store.read(3950, target, noSignal)
    expect(target.indexOf(3)).toBe(50)
    expect(target.lastIndexOf(3)).toBe(249)
    expect(await store.read(8192, target, noSignal)).toBe('hole')
    await store.discard?.(0, 10_000)
    expect(await store.read(3950, target, noSignal)).toBe('hole')
    await store.close()
    const lines = readFileSync(path.join(directory, 'whole.jsonl'), 'utf8').trimEnd().split('\n')
    const ops = lines.map((line) => (JSON.parse(line) as { op: string }).op)
    expect(ops).toEqual(['write', 'flush', 'read', 'read', 'discard', 'read', 'close'])
  })

  it('opens-from-a-configuration-file-with-one-parent-for-all', async () => {
    const configuration = {
      module: layerPath('trace'),
      options: {
        path: path.join(directory, 'configured.jsonl'),
        store: {
          module: layerPath('cache'),
          options: {
            path: path.join(directory, 'configured'),
            bytes: 100_000,
            blockBytes: 4096,
            store: {
              module: layerPath('retry'),
              options: {
                delayMs: 1,
                store: { module: './flaky.mjs', options: { byteLength: 8192 } },
              },
            },
          },
        },
      },
    }
    // Only the innermost module needs it, and nobody has named it there.
    const parent = pathToFileURL(path.join(directory, 'umap.json'))
    const opened = await openStoreRef({ ...configuration, parent })
    const target = new Uint8Array(4096)
    await opened.read(4096, target, noSignal)
    expect(target[0]).toBe(2)
    await opened.close()
  })

  it('has-modules-of-its-own-for-configuration-files', () => {
    for (const layer of ['cache', 'retry', 'throttle', 'timeout', 'trace']) {
      const ref = resolveStoreRef({ module: `@umap/store/${layer}`, parent: import.meta.url })
      expect(ref.url).toBe(pathToFileURL(layerPath(layer)).href)
    }
  })

  it('keeps-a-parent-of-its-own', () => {
    const parent = pathToFileURL(path.join(directory, 'umap.json')).href
    const own = pathToFileURL('/elsewhere/x.json').href
    const store = { module: './a.mjs', parent: own }
    const ref = resolveStoreRef({ module: layerPath('retry'), options: { store }, parent })
    expect(ref.options).toEqual({ store })
    const absolute = storeRef(new URL('file:///a.mjs'), {})
    const same = resolveStoreRef({
      module: layerPath('retry'),
      options: { store: absolute },
      parent,
    })
    expect(same.options).toEqual({ store: absolute })
  })

  it('finds-the-module-below-at-the-line-of-the-layer', () => {
    const parent = pathToFileURL(path.join(directory, 'main.mjs'))
    const options = { byteLength: 8192 }
    const ref = retry({ module: './flaky.mjs', options, parent })
    options.byteLength = 1
    expect(ref.options.store).toEqual({
      url: pathToFileURL(path.join(directory, 'flaky.mjs')).href,
      exportName: 'openStore',
      options: { byteLength: 8192 },
    })
    expect(() => retry({ module: './flaky.mjs' })).toThrow(TypeError)
    expect(() => trace({ module: 'no-such-package', parent })).toThrow(StoreError)
    const data = storeRef(new URL('file:///a.mjs'), {})
    const functions = { ...data, options: { onRead: () => 1 } }
    expect(() => timeout(functions)).toThrow('options.store.options.onRead is a function')
  })

  it('closes-what-is-below-when-a-layer-does-not-open', async () => {
    const url = new URL(
      `data:text/javascript,${encodeURIComponent(`export const openStore = () => ({
        byteLength: 1, capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 1,
        atomicFlush: false }, read() {}, close() { globalThis.closedBelow = true } })`)}`,
    )
    const options = { path: path.join(directory, 'refused'), bytes: 2 ** 20 }
    await expect(openStoreRef(cache(storeRef(url, {}), options))).rejects.toMatchObject({
      code: 'STORE_UNSUPPORTED',
    })
    expect(Reflect.get(globalThis, 'closedBelow')).toBe(true)
    Reflect.deleteProperty(globalThis, 'closedBelow')
  })

  it('carries-its-errors-over-a-thread', async () => {
    const url = new URL(
      'data:text/javascript,export const openStore = () => ({ byteLength: 1,' +
        'capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 1, atomicFlush: false },' +
        'read() { throw Object.assign(new Error("reset"), { code: "ECONNRESET" }) }, close() {} })',
    )
    const ref = retry(storeRef(url, {}), { attemptsMax: 2, delayMs: 0 })
    const source = `
      const { workerData, parentPort } = require('node:worker_threads')
      import(workerData.store).then(async ({ openStoreRef, serializeError }) => {
        const store = await openStoreRef(workerData.ref)
        const { signal } = new AbortController()
        await store.read(0, new Uint8Array(1), { signal }).catch((error) => {
          parentPort.postMessage(serializeError(error))
        })
      })`
    const store = import.meta.resolve('@umap/store')
    const worker = new Worker(source, { eval: true, workerData: { ref, store } })
    const data = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    const error = deserializeError(data)
    expect(error).toMatchObject({ code: 'ECONNRESET', retryable: true })
    expect(error.message).toContain('gave up after 2 attempts')
    expect(error.stack).toContain('retry')
    expect(error.cause).toMatchObject({ message: 'reset', code: 'ECONNRESET', retryable: true })
    expect(serializeError(error)).toEqual(data)
  })
})

/** As a path, for the temporary directory has no packages. */
function layerPath(layer: string): string {
  return path.resolve(import.meta.dirname, '../../dist/layers', `${layer}.js`)
}

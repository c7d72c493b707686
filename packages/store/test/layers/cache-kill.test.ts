// Processes are killed while they fill and change a cache file; the next one sees no wrong byte.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheStore, type PageStore } from '@umap/store'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { randomOf } from './crashing-io.ts'
import { noSignal } from './manual-runtime.ts'

interface KilledCache {
  readonly byteLength: number
  readonly cacheOptions: { readonly bytes: number; readonly blockBytes: number }
  fileBackedStore(directory: string): PageStore
}

const scriptUrl = new URL('./killed-cache.mjs', import.meta.url)
const script = fileURLToPath(scriptUrl)
const killed = (await import(scriptUrl.href)) as KilledCache
const seed = Number(process.env.UMAP_CACHE_SEED ?? Math.floor(Math.random() * 2 ** 31))
const killCount = 8
let directory: string

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-cache-kill-'))
  writeFileSync(path.join(directory, 'data'), Buffer.alloc(4 + killed.byteLength, 1))
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function readAll(store: PageStore): Promise<Uint8Array> {
  const bytes = new Uint8Array(store.byteLength)
  for (let offset = 0; offset < bytes.byteLength; offset += 4096) {
    await store.read(offset, bytes.subarray(offset, offset + 4096), noSignal)
  }
  return bytes
}

it('shows-no-wrong-byte-after-kills', async () => {
  console.log(`UMAP_CACHE_SEED=${seed}`)
  const random = randomOf(seed)
  let hits = 0
  for (let kill = 0; kill < killCount; kill++) {
    const dieAt = 1 + Math.floor(random() * 150)
    const child = spawn(
      process.execPath,
      [script, directory, String(Math.floor(random() * 1e9)), String(dieAt)],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    const [, signal] = await once(child, 'exit')
    expect(signal).toBe('SIGKILL')
    const inner = killed.fileBackedStore(directory)
    const file = path.join(directory, 'cache')
    const cache = await cacheStore(inner, { path: file, ...killed.cacheOptions })
    const actual = await readAll(cache)
    expect(Buffer.compare(actual, await readAll(inner)), `kill ${kill}`).toBe(0)
    hits += cache.stats().hits
    expect(cache.stats().uncached).toBeUndefined()
    await cache.close()
  }
  // What was flushed or only read outlives a kill.
  expect(hits).toBeGreaterThan(0)
})

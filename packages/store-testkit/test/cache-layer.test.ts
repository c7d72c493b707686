// The cache layer keeps the contract of what is below it, whose faults retry hides, also when the
// file of an earlier opening is believed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { cacheStore, memoryStore, openStore, type PageStore, retryStore } from '@umap/store'
import { faultyStore, runStoreConformance } from '@umap/store-testkit'
import { afterAll, describe, it } from 'vitest'

const directory = mkdtempSync(path.join(tmpdir(), 'umap-cache-layer-'))
const rates = { read: { error: 0.1 }, write: { error: 0.1, torn: 0.1 }, flush: { error: 0.1 } }
let seed = Date.now() % 2 ** 32
console.log(`faults below the cache: first seed ${seed}`)

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

for (const blockBytes of [512, 4096, 16_384]) {
  const refs = new Map<string, ReturnType<typeof memoryStore>>()
  const open = (id: string, store: PageStore) =>
    cacheStore(retryStore(faultyStore(store, { seed: seed++, rates }), { delayMs: 0.1 }), {
      path: path.join(directory, `${id}-${blockBytes}`),
      // Less than the data set, so that blocks leave.
      bytes: 4096 + 64 * 1024,
      blockBytes,
      // Nobody else knows the memory of a test.
      trust: { version: id },
    })
  runStoreConformance({
    test: { describe, it },
    byteLength: 24 * 4096 + 1237,
    name: `cacheStore, blocks of ${blockBytes}`,
    open: ({ id, byteLength, access }) => {
      const ref = memoryStore({ byteLength })
      refs.set(id, ref)
      return open(id, openStore(ref.options, { access }))
    },
    reopen: ({ id, access }) => {
      const ref = refs.get(id) as ReturnType<typeof memoryStore>
      return open(id, openStore(ref.options, { access }))
    },
    remove: ({ id }) => {
      refs.delete(id)
      rmSync(path.join(directory, `${id}-${blockBytes}`), { force: true })
    },
  })
}

// Layers keep the contract of what is below them, and with retry below nothing of a store's faults
// is seen above: the same suite over stacks of them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  cacheStore,
  memoryStore,
  openStore,
  type PageStore,
  retryStore,
  throttleStore,
  timeoutStore,
  traceStore,
} from '@umap/store'
import { faultyStore, runStoreConformance } from '@umap/store-testkit'
import { afterAll, describe, it } from 'vitest'
import { type Disk, emptyDisk, SoundStore } from './broken/sound-store.ts'

const rates = {
  read: { error: 0.1, short: 0.1 },
  write: { error: 0.1, short: 0.05, torn: 0.1 },
  flush: { error: 0.1 },
  discard: { error: 0.1 },
}
let seed = Date.now() % 2 ** 32
console.log(`faults below layers: first seed ${seed}`)

const layers: Readonly<Record<string, (store: PageStore) => PageStore>> = {
  'retryStore over faults': (store) =>
    retryStore(faultyStore(store, { seed: seed++, rates, volatile: true }), { delayMs: 0.1 }),
  timeoutStore: (store) => timeoutStore(store),
  throttleStore: (store) => throttleStore(store, { bytesPerSecond: 2 ** 32 }),
  traceStore: (store) => traceStore(store, () => undefined),
  'all of them': (store) =>
    traceStore(
      retryStore(
        throttleStore(timeoutStore(faultyStore(store, { seed: seed++, rates })), {
          bytesPerSecond: 2 ** 32,
        }),
        { delayMs: 0.1 },
      ),
      () => undefined,
    ),
}

for (const [name, wrap] of Object.entries(layers)) {
  const refs = new Map<string, ReturnType<typeof memoryStore>>()
  runStoreConformance({
    test: { describe, it },
    byteLength: 24 * 4096 + 1237,
    name,
    open: ({ id, byteLength, access }) => {
      const ref = memoryStore({ byteLength })
      refs.set(id, ref)
      return wrap(openStore(ref.options, { access }))
    },
    reopen: ({ id, access }) => wrap(openStore(refs.get(id)!.options, { access })),
    remove: ({ id }) => {
      refs.delete(id)
    },
  })
}

const folder = mkdtempSync(path.join(tmpdir(), 'umap-layers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// A third of the data set fits, in blocks that are two of the engine's pages.
for (const trust of ['version', 'until-closed'] as const) {
  const disks = new Map<string, Disk>()
  const cached = (id: string, store: PageStore) =>
    cacheStore(store, {
      path: path.join(folder, `${id}-${trust}`),
      bytes: 65536,
      blockBytes: 8192,
      trust,
    })
  runStoreConformance({
    test: { describe, it },
    byteLength: 40 * 4096 + 1237,
    name: `cacheStore that trusts ${trust}`,
    open: ({ id, byteLength, access }) => {
      const disk = emptyDisk(byteLength)
      disks.set(id, disk)
      return cached(id, new SoundStore(disk, access))
    },
    reopen: ({ id, access }) => cached(id, new SoundStore(disks.get(id)!, access)),
  })
}

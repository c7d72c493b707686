// Where the data sets of the load are kept: what a server is configured with, and what is there when
// it is gone.

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { openStore } from '@umap/store-sqlite'
import { type Config, storeModule } from '../serving.ts'
import { firstBytes } from './load.ts'
import { pageBytes } from './plan.mjs'

/** The data sets of the load. */
export const names: readonly string[] = ['left', 'right']

/** Why there is no SQLite here; undefined where there is. */
export const noSqlite: string | undefined =
  Number.parseInt(process.versions.node, 10) < 22 ? '@umap/store-sqlite needs Node 22' : undefined

/** A way to keep the data sets of the load. */
export interface Kept {
  readonly pagesPerDataset: number
  create(directory: string): Promise<Config['datasets']>
  read(directory: string, name: string): Promise<Uint8Array>
}

/** One file for each. */
export const inFiles: Kept = {
  pagesPerDataset: 512,
  async create(directory) {
    const entries = names.map((name, dataset) => {
      const file = path.join(directory, name)
      writeFileSync(file, firstBytes(dataset, this.pagesPerDataset))
      const store = { module: storeModule('store-file'), options: { path: file } }
      return [name, { store, access: 'read-write', pageBytes }]
    })
    return Object.fromEntries(entries)
  },
  async read(directory, name) {
    return new Uint8Array(readFileSync(path.join(directory, name)))
  },
}

// Imported only where its database exists.
const openSqlite = async (...args: Parameters<typeof openStore>) =>
  (await import('@umap/store-sqlite')).openStore(...args)

/** One database for both, which has only what was flushed when its process is killed. */
export const inSqlite: Kept = {
  pagesPerDataset: 128,
  async create(directory) {
    const file = path.join(directory, 'data.db')
    const byteLength = this.pagesPerDataset * pageBytes
    const entries = []
    for (const [dataset, name] of names.entries()) {
      const create = { path: file, name, create: true, byteLength, pageBytes }
      const store = await openSqlite(create)
      await store.write(0, firstBytes(dataset, this.pagesPerDataset))
      await store.flush()
      await store.close()
      const options = { path: file, name }
      const module = storeModule('store-sqlite')
      entries.push([name, { store: { module, options }, access: 'read-write', pageBytes }])
    }
    return Object.fromEntries(entries)
  },
  async read(directory, name) {
    const file = path.join(directory, 'data.db')
    const bytes = new Uint8Array(this.pagesPerDataset * pageBytes)
    const store = await openSqlite({ path: file, name }, { access: 'read-only' })
    store.read(0, bytes)
    await store.close()
    return bytes
  },
}

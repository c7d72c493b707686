// Data sets in SQLite databases: with rows of a common page size, and two with other rows that share
// one database. Needs Node 22.2.

import path from 'node:path'
import { openStoreRef } from '@umap/store'
import { sqliteStore } from '@umap/store-sqlite'
import type { ModelStore } from '../model-store.ts'
import type { Random } from '../random.mjs'

/** See `ModelStores`. */
export async function modelStores(random: Random, folder: string): Promise<ModelStore[]> {
  const shared = path.join(folder, 'shared.sqlite')
  return [
    await dataSet(random, path.join(folder, 'own.sqlite'), 'default', 65536),
    await dataSet(random, shared, 'small rows', 4096),
    await dataSet(random, shared, 'large rows', 2 ** 18),
  ]
}

async function dataSet(
  random: Random,
  file: string,
  name: string,
  pageBytes: number,
): Promise<ModelStore> {
  const byteLength = 4 * 2 ** 20 + random.integer(2 ** 20)
  const made = sqliteStore({ path: file, name, create: true, byteLength, pageBytes })
  await (await openStoreRef(made)).close()
  const label = `data set '${name}' of ${path.basename(file)}`
  return { name: label, byteLength, ref: sqliteStore({ path: file, name }) }
}

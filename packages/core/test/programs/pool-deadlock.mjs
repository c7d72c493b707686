// Deadlock 1: every thread of libuv's pool is blocked in a fault, and the store needs the pool.

import { open } from 'node:fs/promises'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { touchInPool } from './pool-touch.mjs'
import { sparseFile } from './stores.mjs'

const path = sparseFile(64 * 65536)
const store = storeRef(new URL('../stores/pool-store.mjs', import.meta.url), { path })
const region = await umap({ store, host: process.argv[2] ?? 'worker' })
const files = await Promise.all([0, 1, 2, 3].map(() => open(sparseFile(0), 'w')))
await Promise.all(
  files.map((file, index) => {
    return touchInPool(region, region.view(Uint8Array, index * 16 * 65536, 16 * 65536), file)
  }),
)
console.log('finished')
process.exit(0)

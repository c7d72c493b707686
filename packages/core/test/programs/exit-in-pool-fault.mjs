// Deadlock 4: the process ends while a thread of libuv's pool is blocked in a fault that the store
// never answers.

import { open } from 'node:fs/promises'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { faultyStoreOptions, slot } from '../stores/faulty-store.mjs'
import { touchInPool } from './pool-touch.mjs'

const { options, control } = faultyStoreOptions(1 << 20)
const store = storeRef(new URL('../stores/faulty-store.mjs', import.meta.url), options)
const region = await umap({ store })
Atomics.store(control, slot.hang, 1)
// The file is not removed here: its inode is locked by the write that is blocked.
const file = await open(process.argv[2], 'w')
touchInPool(region, region.view(Uint8Array), file).catch(() => undefined)
while (Atomics.load(control, slot.reads) === 0) await new Promise((done) => setTimeout(done, 5))
console.log('ready')
process.exit(7)

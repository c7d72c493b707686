// Deadlock 2: the store waits for its output, or for the main thread, which is blocked in a fault.

import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { fault, faultyStoreOptions, slot } from '../stores/faulty-store.mjs'

const [what] = process.argv.slice(2)
if (what === 'asks') {
  const store = storeRef(new URL('../stores/asking-store.mjs', import.meta.url), {})
  const region = await umap({ store })
  region.view(Uint8Array)[0]
} else {
  const { options, control } = faultyStoreOptions(65536)
  const store = storeRef(new URL('../stores/faulty-store.mjs', import.meta.url), options)
  const region = await umap({ store })
  Atomics.store(control, slot.fault, what === 'logs' ? fault.logs : fault.awaitsOutput)
  region.view(Uint8Array)[0]
}
console.log('finished')
process.exit(0)

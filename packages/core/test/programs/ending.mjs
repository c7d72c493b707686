// Ends in the way that the first argument says, while threads fault, fill and write back on a
// region over the store that the second argument names.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { umap } from '@umap/core'
import { storeNamed } from './stores.mjs'

const [how, storeName] = process.argv.slice(2)
const pageBytes = 4096
const byteLength = 4096 * pageBytes

const region = await umap({
  store: storeNamed(storeName, byteLength),
  access: 'read-write',
  pageBytes,
  buffer: { bytes: 64 * pageBytes },
})
const { handle } = region
const threads = [1, 2, 3].map(
  (seed) =>
    new Worker(new URL('./busy-thread.mjs', import.meta.url), { workerData: { handle, seed } }),
)
await Promise.all(threads.map((thread) => once(thread, 'message')))
// Enough for pages to be evicted and written back.
while (region.stats().writeBacks < 50) await new Promise((resolve) => setTimeout(resolve, 5))
console.log('ready')

switch (how) {
  case 'exit':
    process.exit(7)
    break
  case 'throw':
    setImmediate(() => {
      throw new Error('nobody catches this')
    })
    break
  case 'signal':
    break
  case 'block': {
    // The main thread is in a fault most of the time when the signal comes.
    const words = region.view(Uint32Array)
    for (let index = 0; ; index = (index + 1024 * 7 + 1) % words.length) words[index] += 1
  }
  case 'terminate':
    await Promise.all(threads.map((thread) => thread.terminate()))
    await region.close()
    console.log('closed')
    break
  case 'exit-in-thread': {
    const dying = new Worker(`process.exit(0)`, { eval: true })
    await once(dying, 'exit')
    process.exit(7)
  }
}

// Maps the store that the first argument describes, reads it, and prints all that it gets hold of,
// in every way that an application or its log would.
import { inspect } from 'node:util'
import { umap } from '@umap/core'
import { serializeError } from '@umap/store'
import { openStore, s3Store } from '@umap/store-s3'

const options = JSON.parse(process.argv[2])

function show(what, error) {
  console.log(`${what}: ${error}`)
  console.error(error)
  console.error(inspect(error, { depth: 20, showHidden: true, getters: true }))
  console.log(error.stack, JSON.stringify(error), JSON.stringify(serializeError(error)))
}

async function showStore() {
  const store = await openStore(options)
  const target = new Uint8Array(store.byteLength)
  const reading = store.read(0, target, { signal: new AbortController().signal })
  await reading.catch((error) => show('reading failed', error))
  console.log(store.stats(), inspect(store, { depth: 20, showHidden: true }))
  await store.close()
}

async function showRegion() {
  const ref = s3Store(options)
  console.log(inspect(ref, { depth: 20 }))
  const region = await umap({ store: ref, pageBytes: 4096 })
  region.on('error', (error) => show('event', error))
  await region
    .prefault({ offset: 0, byteLength: region.byteLength })
    .finally(() => console.log(region.stats(), inspect(region.handle)))
  console.log(`read ${region.byteLength} bytes`)
  await region.close()
}

await showStore().catch((error) => show('opening failed', error))
await showRegion().catch((error) => show('mapping failed', error))

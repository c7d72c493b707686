// The suite under node:test: on a memory store, or, with the argument 'broken', on one that ignores
// where it is to read.

import { describe, it } from 'node:test'
import { memoryStore, openStore } from '@umap/store'
import { runStoreConformance } from '@umap/store-testkit'

const isBroken = process.argv[2] === 'broken'
const refs = new Map()

function open({ id, access }) {
  const store = openStore(refs.get(id).options, { access })
  if (!isBroken) return store
  return {
    byteLength: store.byteLength,
    capabilities: store.capabilities,
    read: (_offset, target) => store.read(0, target),
    write: (offset, source) => store.write(offset, source),
    close: () => store.close(),
  }
}

runStoreConformance({
  test: { describe, it },
  open(dataSet) {
    refs.set(dataSet.id, memoryStore({ byteLength: dataSet.byteLength }))
    return open(dataSet)
  },
  reopen: open,
})

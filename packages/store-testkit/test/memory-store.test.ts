// The memory store keeps the contract. The bytes belong to the reference, so each test has its own.

import { memoryStore, openStore } from '@umap/store'
import { runStoreConformance } from '@umap/store-testkit'
import { describe, it } from 'vitest'

const refs = new Map<string, ReturnType<typeof memoryStore>>()

runStoreConformance({
  test: { describe, it },
  byteLength: 24 * 4096 + 1237,
  name: 'memoryStore',
  open: ({ id, byteLength, access }) => {
    const ref = memoryStore({ byteLength })
    refs.set(id, ref)
    return openStore(ref.options, { access })
  },
  reopen: ({ id, access }) => openStore(refOf(id).options, { access }),
  remove: ({ id }) => {
    refs.delete(id)
  },
})

function refOf(id: string): ReturnType<typeof memoryStore> {
  const ref = refs.get(id)
  if (ref === undefined) {
    throw new Error(`${id} was never opened`)
  }
  return ref
}

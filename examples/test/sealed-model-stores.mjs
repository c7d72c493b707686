// Sealed stores for the model test of @umap/core:
//   UMAP_EXAMPLE_KEY=$(openssl rand -hex 32) npm run soak -- --store examples/test/sealed-model-stores.mjs

import path from 'node:path'
import { openStoreRef } from '@umap/store'
import { fileStore } from '@umap/store-file'
import { sealedByteLength, sealedStore } from '../stores/sealed-store.mjs'

const key = { env: 'UMAP_EXAMPLE_KEY' }

/**
 * @param {{ integer(below: number): number }} random
 * @param {string} folder
 */
export async function modelStores(random, folder) {
  const stores = []
  // Sealed pages as small as the engine's smallest, and larger than many of its pages.
  for (const pageBytes of [4096, 32_768]) {
    const byteLength = 2 * 2 ** 20 + random.integer(2 ** 20)
    const file = path.join(folder, `sealed-${pageBytes}`)
    const below = { path: file, create: true, byteLength: sealedByteLength(byteLength, pageBytes) }
    const made = sealedStore({ store: fileStore(below), key, create: true, byteLength, pageBytes })
    await (await openStoreRef(made)).close()
    const ref = sealedStore({ store: fileStore({ path: file }), key })
    stores.push({ name: `sealed pages of ${pageBytes} bytes`, byteLength, ref })
  }
  return stores
}

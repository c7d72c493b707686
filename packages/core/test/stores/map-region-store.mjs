// A store that maps a region in its own thread, which the host must refuse.

import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

export async function openStore() {
  await umap({ store: memoryStore({ byteLength: 4096 }) })
  throw new Error('mapped')
}

// Maps JavaScript stores and leaves them open; nothing keeps the process alive.

import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

for (let count = 0; count < 3; count++) {
  const region = await umap({ store: memoryStore({ byteLength: 65536 }), access: 'read-write' })
  region.view(Uint8Array)[0] = 1
  region.on('error', () => undefined)
}
console.log('end of the program')

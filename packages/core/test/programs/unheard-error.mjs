// A region whose write-backs fail, and nobody listens. The engine is played by this program.

import { NativeError } from '@umap/native'
import { Region } from '../../dist/region.js'
import { emptyMemory } from '../../dist/region-memory.js'

let tell
new Region({
  memory: {
    ...emptyMemory(false),
    subscribe: (onEvent) => {
      tell = onEvent
      return () => undefined
    },
  },
  byteLength: 0,
  pageBytes: 4096,
  access: 'read-write',
  shared: false,
  onShare() {},
  async onClose() {},
})
const error = new NativeError('pwrite: No space left', 28, true)
for (let count = 0; count < 3; count++) {
  tell({ kind: 'write-back', error, offset: 8192, byteLength: 4096, budgetBytes: 0 })
}
console.log('still here')

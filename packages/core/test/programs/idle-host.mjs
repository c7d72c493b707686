// Maps JavaScript stores, does with them what it is told, and leaves them open; nothing keeps the
// process alive.

import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

const [what, how] = process.argv.slice(2)
for (let count = 0; count < 3; count++) {
  const region = await umap({ store: memoryStore({ byteLength: 65536 }), access: 'read-write' })
  const view = region.view(Uint8Array)
  if (what === 'write') view[0] = 1
  else console.log(view[0])
}
console.log('end of the program')
if (how === 'exit') process.exit(0)

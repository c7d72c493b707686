// Maps a region as a user who may do nothing, and prints what came of it as JSON.

import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

if (process.getuid() === 0) {
  process.setgroups([])
  process.setgid(65534)
  process.setuid(65534)
}
try {
  const region = await umap({ store: memoryStore({ byteLength: 65536 }) })
  console.log(JSON.stringify({ first: region.view(Uint8Array)[0] }))
  await region.close()
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message, stack: error.stack }))
}

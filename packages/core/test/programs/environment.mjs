// Maps a region with nothing but defaults and prints what they are as JSON.

import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

try {
  const options = JSON.parse(process.argv[2] ?? '{}')
  const store = memoryStore({ byteLength: 1 << 22 })
  const region = await umap({ store, access: 'read-write', ...options })
  const view = region.view(Uint8Array)
  for (let index = 0; index < 1 << 22; index += 4096) view[index] = 1
  const { readAheadBytes, residentBytes } = region.stats()
  console.log(JSON.stringify({ pageBytes: region.pageBytes, readAheadBytes, residentBytes }))
  await region.close()
} catch (error) {
  console.log(JSON.stringify({ name: error.name, message: error.message }))
}

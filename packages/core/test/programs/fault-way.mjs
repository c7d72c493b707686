// Opens two regions and writes absent pages of the first to a file; prints how faults arrive and
// what came of it as JSON. Arguments: options of the regions, and the file.

import { openSync, writeSync } from 'node:fs'
import { umap } from '@umap/core'
import { memoryStore } from '@umap/store'

const options = JSON.parse(process.argv[2] ?? '{}')
const store = memoryStore({ byteLength: 1 << 20 })
const range = { offset: 0, byteLength: 1 << 17 }

function codeOf(call) {
  try {
    return call()
  } catch (error) {
    return error.code
  }
}

try {
  const region = await umap({ store, ...options })
  const other = await umap({ store, ...options })
  const fd = openSync(process.argv[3], 'w')
  const absent = codeOf(() => writeSync(fd, region.view(Uint8Array, 0, 1 << 17)))
  const pinned = region.withResident(range, (bytes) => writeSync(fd, bytes))
  const { faultMode } = region.stats()
  const touched = other.view(Uint8Array)[1 << 19]
  await region.close()
  await other.close()
  console.log(JSON.stringify({ faultMode, absent, pinned, touched }))
} catch ({ name, code, message }) {
  console.log(JSON.stringify({ name, code, message }))
}

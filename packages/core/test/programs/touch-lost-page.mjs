// Touches a page whose bytes the file has lost, by a system call or by a plain access.

import { ftruncateSync, openSync, writeSync } from 'node:fs'
import { umap } from '@umap/core'
import { fileStore } from '@umap/store-file'
import { sparseFile } from './stores.mjs'

const [how] = process.argv.slice(2)
const path = sparseFile(64 * 4096)
const store = { ...fileStore({ path }), nativeFd: true }
const region = await umap({ store, pageBytes: 4096 })
const heard = new Promise((resolve) => region.once('error', resolve))
ftruncateSync(openSync(path, 'r+'), 4096)
const page = region.view(Uint8Array, 20 * 4096, 4096)
if (how === 'system-call') {
  try {
    writeSync(openSync(sparseFile(0), 'w'), page)
  } catch (error) {
    console.log(error.code)
  }
  // Events do not keep a program alive.
  const patience = setTimeout(() => {}, 10_000)
  console.log(`event: ${(await heard).place.operation}`)
  clearTimeout(patience)
  await region.close()
} else {
  console.log(page[5])
}

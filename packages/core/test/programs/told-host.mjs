// Maps a store that takes orders, gives it one, waits for a page in the way it is told, and ends in
// the way it is told. The store's options come as JSON.

import { writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { tell } from '../stores/told-store.mjs'
import { sparseFile } from './stores.mjs'

const [host, optionsJson, order, wait, end] = process.argv.slice(2)
const options = JSON.parse(optionsJson)
const store = storeRef(new URL('../stores/told-store.mjs', import.meta.url), options)
const region = await umap({ store, host, access: 'read-write', pageBytes: 4096 })
const view = region.view(Uint8Array)
if (order !== '') tell(options, order)
console.log('ready')

if (wait === 'touch') console.log(view[20 * 4096])
if (wait === 'system-call') {
  const file = await open(sparseFile(0), 'w')
  writeSync(file.fd, view, 20 * 4096, 4096)
}

process.on('SIGINT', async () => {
  view[0] = 99
  await region.close()
  console.log('closed')
  process.exit(0)
})
switch (end) {
  case 'exit':
    process.exit(7)
    break
  case 'throw':
    throw new Error('nobody catches this')
  case 'stay':
    setInterval(() => undefined, 1000)
}
console.log('finished')

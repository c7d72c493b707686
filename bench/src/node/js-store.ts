// Measured program: latencies of faults over a store in JavaScript, one page in each 64 KiB, in random
// order. Prints p50Us, p90Us and p99Us.

import { umap } from '@umap/core'
import { type StoreRef, storeRef } from '@umap/store'
import { fileStore } from '@umap/store-file'
import { latencyFigures, shuffled } from './measure.ts'
import { chooseMemory, printFigures, startProgram } from './options.ts'
import { filledWith } from './stores/fill.ts'

const options = startProgram()
const { fileBytes, pageBytes, bufferBytes, touches } = options
const spacing = fileBytes / touches

function instantStore(isAsync: boolean) {
  const url = new URL('./stores/instant-store.js', import.meta.url)
  return storeRef(url, { byteLength: fileBytes, isAsync })
}

const { store, value } = chooseMemory<{ store: StoreRef; value: number }>(options, {
  'sync-store': () => ({ store: instantStore(false), value: filledWith }),
  'async-store': () => ({ store: instantStore(true), value: filledWith }),
  'file-store': () => ({ store: fileStore({ path: options.file }), value: 0 }),
})
await using region = await umap({ store, pageBytes, buffer: { bytes: bufferBytes } })
const bytes = region.view(Uint8Array)
const latenciesUs = new Float64Array(touches)
for (const [touch, place] of shuffled(touches).entries()) {
  const offset = place * spacing
  const started = process.hrtime.bigint()
  const found = bytes[offset]
  latenciesUs[touch] = Number(process.hrtime.bigint() - started) / 1e3
  if (found !== value) throw new Error(`wrong byte at offset ${offset}: ${found}`)
}
printFigures(latencyFigures(latenciesUs))

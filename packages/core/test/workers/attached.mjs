// A worker thread that attaches to a region and does what it is told, one message at a time.
// Answers with `{ ok }` or `{ error }`.

import { parentPort, workerData } from 'node:worker_threads'
import { attach } from '@umap/core'

let region

const actions = {
  attach: () => {
    region = attach(workerData.handle)
    return region.byteLength
  },
  read: ({ offset }) => region.view(Uint8Array)[offset],
  write: ({ offset, value }) => {
    region.view(Uint8Array)[offset] = value
  },
  sum: () => region.view(Uint8Array).reduce((total, byte) => total + byte, 0),
  // Adds to one slot of each page again and again; `slot` is this thread's own.
  increment: ({ slot, rounds, stepBytes }) => {
    const words = region.view(Uint32Array)
    for (let round = 0; round < rounds; round++) {
      for (let index = slot; index < words.length; index += stepBytes / 4) words[index] += 1
    }
  },
  atomicAdd: ({ rounds, stepBytes }) => {
    const words = region.view(Int32Array)
    for (let round = 0; round < rounds; round++) {
      for (let index = 0; index < words.length; index += stepBytes / 4) Atomics.add(words, index, 1)
    }
  },
  wait: ({ index, value }) => Atomics.wait(region.view(Int32Array), index, value, 20_000),
  kind: () => region.buffer.constructor.name,
  faultMode: () => region.stats().faultMode,
  flush: () => region.flush(),
  close: () => region.close(),
  end: () => process.exit(0),
}

parentPort.on('message', async ({ action, ...parameters }) => {
  try {
    parentPort.postMessage({ ok: await actions[action](parameters) })
  } catch (error) {
    parentPort.postMessage({ error: { code: error.code, message: error.message } })
  }
})

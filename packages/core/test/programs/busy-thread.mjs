// A worker thread that reads and writes all over a region for as long as it lives.

import { parentPort, workerData } from 'node:worker_threads'
import { attach } from '@umap/core'

const region = attach(workerData.handle)
const words = region.view(Uint32Array)
let state = workerData.seed
let accesses = 0

parentPort.postMessage('busy')
for (;;) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  const index = state % words.length
  words[index] = words[index] + 1
  accesses += 1
  if (workerData.accessesMax !== undefined && accesses === workerData.accessesMax) break
}

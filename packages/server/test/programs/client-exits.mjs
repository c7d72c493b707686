// A client that ends by process.exit while its region is open: `dirty` after writing to it, `waits`
// while a worker thread waits for a page that a stopped server does not bring.
// Usage: node client-exits.mjs SOCKET dirty|waits

import { Worker } from 'node:worker_threads'
import { connect } from '@umap/server'

const [socket, how] = process.argv.slice(2)
const client = await connect(socket)
const region = await client.map('data', { access: 'read-write' })

if (how === 'dirty') {
  region.view(Uint8Array).fill(9)
  process.stdout.write('written\n')
  process.exit(3)
}

const source = `
  const { parentPort, workerData } = require('node:worker_threads')
  import(workerData.core).then(({ attach }) => {
    const view = attach(workerData.handle).view(Uint8Array)
    parentPort.once('message', () => {
      parentPort.postMessage('touching')
      workerData.sum = view[5 * 4096]
    })
    parentPort.postMessage('ready')
  })`
const worker = new Worker(source, {
  eval: true,
  workerData: { handle: region.handle, core: import.meta.resolve('@umap/core') },
})
worker.on('message', (message) => process.stdout.write(`${message}\n`))
process.stdin.once('data', () => worker.postMessage('touch'))
worker.on('message', (message) => {
  // A turn later the worker stands in its fault, or is about to: both must end.
  if (message === 'touching') setTimeout(() => process.exit(3), 100)
})

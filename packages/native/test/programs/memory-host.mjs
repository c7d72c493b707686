// A worker that serves a store host from shared memory, and misbehaves as it is told.
import { parentPort, workerData } from 'node:worker_threads'
import { hostOps, loadNative } from '@umap/native'

const native = loadNative()
const { hostId, bytes, control } = workerData
const error = { name: 'StoreError', message: 'no space', code: 'ENOSPC', retryable: false }

function run(call) {
  const part = new Uint8Array(arena, call.arenaOffset, call.op === 'discard' ? 0 : call.byteLength)
  const end = call.offset + call.byteLength
  if (call.op === 'read') part.set(bytes.subarray(call.offset, end))
  if (call.op === 'write') bytes.set(part, call.offset)
  if (call.op === 'discard') bytes.fill(0, call.offset, end)
}

const arena = native.hostServe(hostId, (token, _storeKey, op, offset, byteLength, arenaOffset) => {
  const call = { token, op: hostOps[op], offset, byteLength, arenaOffset }
  parentPort.postMessage('call')
  switch (Atomics.load(control, 0)) {
    case 0:
      run(call)
      native.hostComplete(hostId, call.token, 0)
      // Twice is no mistake that hurts.
      native.hostComplete(hostId, call.token, 0)
      break
    case 1:
      break
    case 2:
      native.hostComplete(hostId, call.token, 2, JSON.stringify(error))
      break
    case 3:
      Atomics.store(control, 0, 0)
      process.exit(0)
      break
    case 4:
      Atomics.store(control, 0, 0)
      throw new Error('on purpose')
    case 5:
      native.hostComplete(hostId, call.token, 1)
  }
  return false
})
// Keeps the worker alive.
parentPort.on('message', () => {})
parentPort.postMessage('serving')

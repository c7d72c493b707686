// A worker that maps a region which another thread opened, and does one step at a time.
import { workerData as id, parentPort } from 'node:worker_threads'
import { loadNative } from '@umap/native'

const native = loadNative()
let view

const steps = {
  map() {
    view = new Uint8Array(native.regionMap(id, false))
    return view[0]
  },
  write() {
    view[0] += 1
    return view[0]
  },
  close() {
    native.regionUnmap(id)
    return native.regionClose(id)
  },
}

parentPort.on('message', async (step) => {
  if (step === 'close and block') {
    parentPort.postMessage(await steps.close())
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    return
  }
  parentPort.postMessage(await steps[step]())
})

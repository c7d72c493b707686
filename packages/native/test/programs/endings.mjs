// `node endings.mjs SCENARIO FILE`: a process, or a worker of it, that ends while the engine is at
// work. FILE holds 16 pages; scenarios that write put 42 into its first byte.
import { closeSync, openSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { loadNative } from '@umap/native'

const pageBytes = 4096
const byteLength = 16 * pageBytes
const [scenario, file] = process.argv.slice(2)
const self = new URL(import.meta.url)

function openRegion(native, store, writable = true) {
  const bufferId = native.bufferCreate({
    budgetBytes: 2 ** 24,
    highWaterPercent: 0,
    lowWaterPercent: 0,
  })
  return native.regionOpen({
    store: { byteLength, writable, label: scenario, ...store },
    writable,
    pageBytes,
    offset: 0,
    byteLength,
    bufferId,
    readAheadPagesMax: 0,
  })
}

function openFile(native) {
  const fd = openSync(file, 'r+')
  const id = openRegion(native, { kind: 'file', fd, direct: false })
  closeSync(fd)
  return id
}

function openHosted(native, graceMs = 600_000) {
  const hostId = native.hostCreate({ arenaBytes: 2 ** 20, graceMs })
  const limits = { callBytesMax: 2 ** 16, concurrencyMax: 4, canDiscard: false }
  return { hostId, id: openRegion(native, { kind: 'host', hostId, storeKey: 1, ...limits }) }
}

function write(native, id) {
  new Uint8Array(native.regionMap(id, false))[0] = 42
}

function start(role, data = {}) {
  const worker = new Worker(self, { argv: [scenario, file], workerData: { role, ...data } })
  worker.on('error', (error) => {
    console.error(error)
    process.exit(70)
  })
  return worker
}

function message(worker) {
  return new Promise((resolve) => worker.once('message', resolve))
}

/** A worker that is shown calls and never answers them. */
async function startSilentHost(hostId) {
  const worker = start('silent host', { hostId })
  await message(worker)
  return worker
}

const scenarios = {
  async 'natural end with a region open'() {
    const native = loadNative()
    const id = openFile(native)
    native.regionSubscribe(id, () => {})
    write(native, id)
  },
  async 'process.exit with a region open'() {
    const native = loadNative()
    write(native, openFile(native))
    process.exit(0)
  },
  async 'uncaught exception with a region open'() {
    const native = loadNative()
    write(native, openFile(native))
    setImmediate(() => {
      throw new Error('on purpose')
    })
  },
  async 'a pending promise keeps the process alive'() {
    const native = loadNative()
    const id = openFile(native)
    native.regionPrefault(id, Float64Array.of(0, byteLength)).then(() => console.log('settled'))
  },
  async 'a worker alone loads the addon and leaves a region open'() {
    const worker = start('writer')
    await new Promise((resolve) => worker.once('exit', resolve))
    // Its engine threads outlive it: the library must still be there.
    await new Promise((resolve) => setTimeout(resolve, 50))
  },
  async 'workers terminated with promises pending'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const host = await startSilentHost(hostId)
    for (let round = 0; round < 10; round++) {
      const worker = start('waiter', { id })
      await message(worker)
      await worker.terminate()
    }
    native.hostClose(hostId)
    await host.terminate()
    console.log(await native.regionClose(id))
  },
  async 'a worker terminated in a fault'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const host = await startSilentHost(hostId)
    const worker = start('toucher', { id })
    const shown = message(host)
    await message(worker)
    await shown
    const ended = worker.terminate()
    // It cannot end before its fault is answered; a host that works answers it.
    await host.terminate()
    const working = start('zero host', { hostId })
    await ended
    console.log(await native.regionClose(id))
    await working.terminate()
  },
  async 'hosts terminated while they serve'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const filled = native.regionPrefault(id, Float64Array.of(0, byteLength))
    for (let round = 0; round < 10; round++) {
      const host = await startSilentHost(hostId)
      await message(host)
      await host.terminate()
    }
    const working = start('zero host', { hostId })
    await filled
    console.log(await native.regionClose(id))
    await working.terminate()
  },
  async 'process.exit with calls pending'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const host = await startSilentHost(hostId)
    native.regionPrefault(id, Float64Array.of(0, byteLength)).catch(() => {})
    await message(host)
    process.exit(0)
  },
  async 'process.exit while a worker is blocked in a fault'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const host = await startSilentHost(hostId)
    const shown = message(host)
    start('toucher', { id })
    await shown
    process.exit(0)
  },
  async 'process.exit while a worker is blocked in a fault, its store host first'() {
    const native = loadNative()
    const { hostId, id } = openHosted(native)
    const worker = start('toucher', { id })
    await message(worker)
    // Node stops the workers in the reverse order of their start.
    const host = await startSilentHost(hostId)
    await message(host)
    process.exit(0)
  },
  async 'natural end with a host that was never served'() {
    const native = loadNative()
    const { id } = openHosted(native)
    native.regionSubscribe(id, () => {})
  },
}

const roles = {
  writer() {
    const native = loadNative()
    write(native, openFile(native))
    process.exit(0)
  },
  waiter() {
    const native = loadNative()
    native.regionMap(workerData.id, false)
    native.regionPrefault(workerData.id, Float64Array.of(0, byteLength))
    native.regionFlush(workerData.id, 0, byteLength)
    native.regionSubscribe(workerData.id, () => {})
    parentPort.postMessage('waiting')
  },
  toucher() {
    const view = new Uint8Array(loadNative().regionMap(workerData.id, false))
    parentPort.postMessage('touching')
    return view[0]
  },
  'silent host'() {
    loadNative().hostServe(workerData.hostId, () => parentPort.postMessage('call'))
    parentPort.on('message', () => {})
    parentPort.postMessage('serving')
  },
  'zero host'() {
    const native = loadNative()
    native.hostServe(workerData.hostId, (token) => native.hostComplete(workerData.hostId, token, 1))
    parentPort.on('message', () => {})
  },
}

await (isMainThread ? scenarios[scenario]() : roles[workerData.role]())

// Raises signals that are not the engine's, and waits for the engine's, in the way that the first
// argument says; the second one says how faults shall arrive, the third is a folder for files.

import { once } from 'node:events'
import path from 'node:path'
import { promisify } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { gunzipSync, gzip } from 'node:zlib'
import { attach, umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { reports, tell } from '../stores/told-store.mjs'
import { sparseFile, storeNamed } from './stores.mjs'

const pageBytes = 4096
const pages = 512

// (func (export "load") (param i32) (result i32) (i32.load (local.get 0))), with a memory of 64 KiB
const wasmHex =
  '0061736d0100000001060160017f017f03020100050301000107080104' +
  '6c6f616400000a0901070020002802000b'

/** What a WebAssembly access says that is out of bounds: V8 learns of it by SIGSEGV. */
function loadOutOfBounds() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(wasmHex, 'hex')))
  if (exports.load(16) !== 0) return 'no zero'
  try {
    exports.load(0x7fff_0000)
  } catch (error) {
    return `${error.name}: ${error.message}`
  }
  return 'nothing thrown'
}

const open = (faults) =>
  umap({
    store: storeNamed('file', pages * pageBytes),
    access: 'read-write',
    pageBytes,
    buffer: { bytes: 32 * pageBytes },
    faults,
  })

/** Adds 1 to a word of every page, most of which are absent. */
function touchAll(region) {
  const words = region.view(Uint32Array)
  for (let page = 0; page < pages; page++) words[page * 1024] += 1
}

function countWrong(region, expected) {
  const words = region.view(Uint32Array)
  let wrong = 0
  for (let page = 0; page < pages; page++) wrong += words[page * 1024] === expected ? 0 : 1
  return wrong
}

/** A trap between faults, again and again. */
async function trap(faults) {
  const region = await open(faults)
  for (let round = 0; round < 20; round++) {
    touchAll(region)
    const said = loadOutOfBounds()
    if (round === 0) console.log(said)
    else if (!said.startsWith('RuntimeError')) console.log(said)
  }
  console.log('wrong', countWrong(region, 20))
  await region.close()
}

/** The only thread that has loaded the addon ends; its handler has to stay. */
async function trapAfterUnload(faults) {
  const file = new URL(import.meta.url)
  const worker = new Worker(file, { argv: ['touch-in-worker', faults], workerData: 'touch' })
  await once(worker, 'exit')
  for (let round = 0; round < 3; round++) console.log(loadOutOfBounds())
}

async function send(faults, signal) {
  const region = await open(faults)
  touchAll(region)
  process.kill(process.pid, signal)
  await new Promise((resolve) => setTimeout(resolve, 10_000))
}

/** A listener, which libuv's handler calls, hears what is sent, and of no fault. */
async function listen(faults) {
  let heard = 0
  const first = await open(faults)
  process.on('SIGSEGV', () => heard++)
  // Puts the engine's handler in front of libuv's.
  const second = await open(faults)
  touchAll(first)
  touchAll(second)
  process.kill(process.pid, 'SIGSEGV')
  while (heard === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  touchAll(first)
  console.log('heard', heard, 'wrong', countWrong(first, 2) + countWrong(second, 1))
  await first.close()
  await second.close()
}

/** Threads of libuv's pool touch absent pages. */
async function compress(faults) {
  const region = await open(faults)
  touchAll(region)
  const zipped = await promisify(gzip)(region.view(Uint8Array))
  const words = new Uint32Array(gunzipSync(zipped).buffer)
  console.log('wrong', words.filter((word, index) => word !== Number(index % 1024 === 0)).length)
  await region.close()
}

/** Long enough for a profiler to interrupt many faults. */
async function profile(faults) {
  const region = await open(faults)
  const end = Date.now() + 1000
  let rounds = 0
  for (; Date.now() < end; rounds++) touchAll(region)
  console.log('wrong', countWrong(region, rounds))
  await region.close()
}

/** A worker thread that is told to end while it waits for a page of a store that hangs. */
async function terminate(faults, folder) {
  const options = {
    path: sparseFile(pages * pageBytes),
    orders: path.join(folder, 'orders'),
    report: path.join(folder, 'report'),
  }
  const store = storeRef(new URL('../stores/told-store.mjs', import.meta.url), options)
  const region = await umap({ store, access: 'read-write', pageBytes, faults })
  tell(options, 'hang')
  const worker = new Worker(new URL(import.meta.url), {
    argv: ['wait-in-worker', faults],
    workerData: { handle: region.handle },
  })
  const ended = once(worker, 'exit')
  while (!reports(options).some(({ hangs }) => hangs)) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const terminated = worker.terminate()
  tell(options, 'go on')
  await terminated
  console.log('ended', (await ended)[0])
  // The page is there, for others as well.
  console.log('page', region.view(Uint8Array)[100 * pageBytes])
  await region.close()
}

const [what, faults, folder] = process.argv.slice(2)
if (isMainThread) {
  if (what === 'trap') await trap(faults)
  if (what === 'unload') await trapAfterUnload(faults)
  if (what.startsWith('SIG')) await send(faults, what)
  if (what === 'listen') await listen(faults)
  if (what === 'compress') await compress(faults)
  if (what === 'profile') await profile(faults)
  if (what === 'terminate') await terminate(faults, folder)
} else if (workerData === 'touch') {
  const region = await open(faults)
  touchAll(region)
  await region.close()
} else {
  const { handle } = workerData
  parentPort.postMessage(attach(handle).view(Uint8Array)[100 * pageBytes])
  // Runs on where nobody ends it.
  setInterval(() => undefined, 1000)
}

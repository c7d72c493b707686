// One client process of the load: makes the steps of one owner, checks what it and others wrote,
// and notes each step in a file, which survives a SIGKILL as the memory of its process does not.
// usage: node owner.mjs OPTIONS-AS-JSON; ends, with `done STEPS`, when its standard input ends.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { connect } from '@umap/server'
import {
  counterWord,
  ownersMax,
  Plan,
  pageBytes,
  patternAt,
  patternWord,
  wordsPerPage,
} from './plan.mjs'

const options = JSON.parse(process.argv[2])
const { owner, socket, seed, names, pagesPerDataset, notes, serverTimeoutMs } = options
const plans = Array.from({ length: ownersMax }, (_, other) => {
  return new Plan({ seed, owner: other, datasets: names.length, pagesPerDataset })
})
const own = plans[owner]
let random = (seed ^ (owner * 7919) ^ process.pid) >>> 0
const below = (end) => {
  random = (Math.imul(random, 1664525) + 1013904223) >>> 0
  return Math.floor((random / 2 ** 32) * end)
}

const files = notes.map((file, other) => openSync(file, other === owner ? 'r+' : 'r'))
const note = new Float64Array(1)
const noteBytes = new Uint8Array(note.buffer)
const stepsOf = (other) => {
  readSync(files[other], noteBytes, 0, 8, 0)
  return note[0]
}

class Wrong extends Error {}

const client = await connect(socket, { serverTimeoutMs })
const regions = await Promise.all(names.map((name) => client.map(name, { access: 'read-write' })))
const words = regions.map((region) => region.view(Float64Array))
const counters = regions.map((region) => region.view(Int32Array))

let isEnding = false
process.stdin.on('end', () => {
  isEnding = true
})
process.stdin.resume()
process.stdout.write('ready\n')

let steps = stepsOf(owner)
// The step that the owner before us may have made without having noted it.
const unsureStep = steps
// The highest that this process has seen of others: it must never go back.
const seen = new Map()
try {
  while (!isEnding) {
    for (let count = 0; count < 32; count++) {
      makeStep()
    }
    await operate()
    await new Promise(setImmediate)
  }
  await regions[0].flush()
  await client.close()
} catch (error) {
  process.stdout.write(`wrong ${owner} step ${steps}: ${error.stack ?? error}\n`)
  process.exit(3)
}
for (const file of files) closeSync(file)
process.stdout.write(`done ${steps}\n`)

function makeStep() {
  const page = own.pageAt(steps)
  const { view, base } = place(page)
  const before = view[base + owner]
  const expected = own.valueAfter(steps, page)
  if (before !== expected && !(steps === unsureStep && before === steps + 1)) {
    throw new Wrong(`page ${page} holds ${before} of mine, not ${expected}`)
  }
  view[base + owner] = steps + 1
  const dataset = Math.floor(page / pagesPerDataset)
  Atomics.add(counters[dataset], (base + counterWord) * 2, 1)
  steps += 1
  note[0] = steps
  writeSync(files[owner], noteBytes, 0, 8, 0)
  checkPattern(page)
  checkOther(below(ownersMax), below(4) === 0 ? below(own.pages) : page)
}

function checkPattern(page) {
  const { view, base } = place(page)
  const word = patternWord + below(wordsPerPage - patternWord)
  const value = view[base + word]
  if (value !== patternAt(page, word)) {
    throw new Wrong(`page ${page} word ${word} holds ${value}, not ${patternAt(page, word)}`)
  }
}

// What the other had noted before we look must be there, and what we see must never go back.
function checkOther(other, page) {
  if (other === owner) return
  const noted = stepsOf(other)
  const { view, base } = place(page)
  const value = view[base + other]
  const least = plans[other].valueAfter(noted, page)
  const key = page * ownersMax + other
  const last = seen.get(key) ?? 0
  seen.set(key, value)
  if (value < least) throw new Wrong(`page ${page} holds ${value} of ${other}, who noted ${least}`)
  if (value < last) throw new Wrong(`page ${page} holds ${value} of ${other}, after ${last}`)
  if (value !== 0 && plans[other].pageAt(value - 1) !== page) {
    throw new Wrong(`page ${page} holds ${value} of ${other}, who never wrote that there`)
  }
}

function place(page) {
  const dataset = Math.floor(page / pagesPerDataset)
  return { view: words[dataset], base: (page % pagesPerDataset) * wordsPerPage }
}

// What else a program does with its regions, now and then.
async function operate() {
  const region = regions[below(regions.length)]
  const offset = below(pagesPerDataset) * pageBytes
  const byteLength = Math.min(below(16) + 1, pagesPerDataset - offset / pageBytes) * pageBytes
  const range = { offset, byteLength }
  switch (below(24)) {
    case 0:
      return region.flush(range)
    case 1:
      return region.evict(range)
    case 2:
      return region.prefault([range, { offset: 0, byteLength: pageBytes }])
    case 3: {
      const pin = await region.pin({ offset, byteLength: pageBytes })
      makeStep()
      return pin.release()
    }
    default:
  }
}

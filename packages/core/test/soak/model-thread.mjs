// A worker thread of the model test: attaches to the regions of a round, does random things to the
// bytes that it owns, and compares every byte that it reads with the plain memory beside it.

import { parentPort, workerData } from 'node:worker_threads'
import { attach } from '@umap/core'
import { openStoreRef } from '@umap/store'
import { allOwnedRanges, ownedRange, ownedSection } from './ownership.mjs'
import { Random } from './random.mjs'

const { thread, threadCount } = workerData

const lookBytes = 4096

class Mismatch extends Error {}

/** Repeats an operation for as long as its store says that this may help. */
async function patiently(operate) {
  for (;;) {
    try {
      return await operate()
    } catch (error) {
      if (error.cause?.retryable !== true) throw error
    }
  }
}

/** One region of a round, with the memory that says what its bytes must be. */
class Subject {
  constructor({ handle, name, durableRef, base, expected }) {
    this.name = name
    this.durableRef = durableRef
    this.base = base
    this.region = attach(handle).on('error', () => undefined)
    this.view = this.region.view(Uint8Array)
    this.expected = new Uint8Array(expected)
    const to = base + this.region.byteLength
    this.place = { byteLength: this.expected.byteLength, threadCount, thread, from: base, to }
    this.pending = []
    this.pin = undefined
  }

  /** The same range, counted from the start of the region. */
  inRegion({ offset, byteLength }) {
    return { offset: offset - this.base, byteLength }
  }

  write(random) {
    const range = ownedRange(random, this.place)
    if (range === undefined) return
    const expected = this.expected.subarray(range.offset, range.offset + range.byteLength)
    for (let index = 0; index < expected.length; index++) expected[index] = random.integer(256)
    this.view.set(expected, range.offset - this.base)
  }

  check(range) {
    const start = range.offset - this.base
    this.compare(this.view.subarray(start, start + range.byteLength), range, 'the region')
  }

  compare(found, { offset, byteLength }, where) {
    const expected = this.expected.subarray(offset, offset + byteLength)
    if (Buffer.compare(found, expected) === 0) return
    const at = expected.findIndex((byte, index) => byte !== found[index])
    throw new Mismatch(
      `${where} of ${this.name}: byte ${offset + at} of the store is ${found[at]}, ` +
        `not ${expected[at]} (window from ${this.base}, page ${this.region.pageBytes})`,
    )
  }

  checkAll() {
    for (const range of allOwnedRanges(this.place)) this.check(range)
  }

  async flush(random) {
    const range = ownedRange(random, this.place)
    if (range === undefined) return
    await patiently(() => this.region.flush(this.inRegion(range)))
    const found = await this.durable(range)
    this.compare(found, range, 'what is durable')
  }

  /** Bytes of the store past the engine, in calls of whole pages as every store takes them. */
  async durable({ offset, byteLength }) {
    const from = offset - (offset % lookBytes)
    const store = await openStoreRef(this.durableRef, { access: 'read-only' })
    try {
      const end = Math.ceil((offset + byteLength) / lookBytes) * lookBytes
      const target = new Uint8Array(Math.min(end, store.byteLength) - from)
      const { signal } = new AbortController()
      if ((await store.read(from, target, { signal })) === 'hole') target.fill(0)
      return target.subarray(offset - from, offset - from + byteLength)
    } finally {
      await store.close()
    }
  }

  async discard(random) {
    const range = ownedSection(random, this.place)
    if (range === undefined) return
    await patiently(() => this.region.discard(this.inRegion(range)))
    this.expected.fill(0, range.offset, range.offset + range.byteLength)
    this.check(range)
  }

  /** Any part of the region, others' bytes included. */
  anyRange(random) {
    const offset = random.integer(this.region.byteLength)
    return { offset, byteLength: random.integer(this.region.byteLength - offset) }
  }

  togglePin(random) {
    if (this.pin !== undefined) {
      this.pin.release()
      this.pin = undefined
      return
    }
    try {
      this.pin = this.region.pin({ offset: random.integer(this.region.byteLength), byteLength: 1 })
    } catch (error) {
      if (error.code !== 'UMAP_NO_MEMORY') throw error
    }
  }

  begin(operation) {
    this.pending.push(operation)
  }

  async settle() {
    await Promise.all(this.pending.splice(0))
  }

  async close() {
    await this.settle()
    this.pin?.release()
    await patiently(() => this.region.close())
  }
}

async function step(random, subject) {
  const dice = random.integer(100)
  if (dice < 42) {
    subject.write(random)
  } else if (dice < 82) {
    const range = ownedRange(random, subject.place)
    if (range !== undefined) subject.check(range)
  } else if (dice < 86) {
    await subject.flush(random)
  } else if (dice < 91) {
    const range = subject.anyRange(random)
    subject.begin(patiently(() => subject.region.evict(range)))
  } else if (dice < 94) {
    const range = subject.anyRange(random)
    subject.begin(patiently(() => subject.region.prefault(range)))
  } else if (dice < 96) {
    subject.togglePin(random)
  } else if (dice < 98) {
    await subject.discard(random)
  } else if (dice < 99) {
    await subject.settle()
  } else {
    subject.checkAll()
  }
}

async function round({ regions, seed, steps }) {
  const random = new Random(seed)
  const subjects = regions.map((region) => new Subject(region))
  parentPort.postMessage({ attached: true })
  for (let count = 0; count < steps; count++) {
    await step(random, random.pick(subjects))
  }
  for (const subject of subjects) {
    subject.checkAll()
    await subject.close()
  }
}

parentPort.on('message', async (message) => {
  try {
    await round(message)
    parentPort.postMessage({ done: true })
  } catch (error) {
    const cause = error.cause === undefined ? '' : ` (cause: ${error.cause?.stack})`
    parentPort.postMessage({ failure: `thread ${thread}: ${error.stack}${cause}` })
  }
})

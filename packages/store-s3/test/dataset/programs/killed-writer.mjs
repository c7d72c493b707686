// Writes generations into a data set, and flushes each, until it is killed. Says on standard output
// when it is ready, when it has opened, and what it flushed. With 'region' as its argument the writes
// are those of a region whose buffer holds a part of the data only.

import { writeSync } from 'node:fs'
import * as modules from 'node:module'
import { openStore, s3Store } from '@umap/store-s3'
import { actionOf, bytesOf, pageBytes, pageCount, rangeOf } from '../generations.mjs'

// Loaded only where it is used, and before the plan comes.
const core = process.argv[2] === 'region' ? await import('@umap/core') : undefined

const say = (line) => writeSync(1, `${line}\n`)

async function openTarget({ options }) {
  if (core === undefined) {
    const store = await openStore(options, { access: 'read-write' })
    const first = Buffer.alloc(4)
    await store.read(0, first)
    return {
      generation: first.readUInt32LE(),
      write: (offset, bytes) => store.write(offset, bytes),
      discard: (offset, length) => store.discard(offset, length),
      flush: () => store.flush(),
    }
  }
  const region = await core.umap({
    store: s3Store(options),
    access: 'read-write',
    pageBytes,
    buffer: { bytes: 8 * pageBytes },
  })
  const bytes = region.view(Uint8Array)
  const first = new DataView(region.buffer, 0, 4)
  return {
    generation: first.getUint32(0, true),
    write: async (offset, source) => bytes.set(source, offset),
    discard: async (offset, length) => {
      bytes.fill(0, offset, offset + length)
    },
    flush: () => region.flush(),
  }
}

async function run(plan) {
  const target = await openTarget(plan)
  say('opened')
  // By itself Node does it at the end of the process, which none of these gets to.
  modules.flushCompileCache?.()
  for (let generation = target.generation + 1; ; generation++) {
    for (let page = 0; page < pageCount; page++) {
      const { offset, length } = rangeOf(page)
      const action = actionOf(plan.seed, generation, page)
      if (action === 'write') {
        await target.write(offset, bytesOf(plan.seed, generation, page))
      } else if (action === 'discard') {
        await target.discard(offset, length)
      }
    }
    await target.flush()
    say(`flushed ${generation}`)
  }
}

process.once('message', (plan) => {
  run(plan).catch((error) => {
    console.error(error)
    process.exit(3)
  })
})
say('ready')

// flush-until-killed.mjs FILE SEED GENERATION MODE: writes generation after generation and says which
// are flushed, until somebody kills it. MODE is 'store' for the store alone, 'region' for umap.

import { writeSync } from 'node:fs'
import { openStore, sqliteStore } from '@umap/store-sqlite'
import { byteLength, fillPages, pageBytes, rangeOf, stepsOf } from '../generations.mjs'

const [file = '', seed = '', first = '', mode = ''] = process.argv.slice(2)

async function openTarget() {
  if (mode === 'store') {
    const store = await openStore({ path: file })
    const scratch = new Uint8Array(byteLength)
    return {
      write(offset, length, page, generation) {
        const bytes = scratch.subarray(0, length)
        fillPages(bytes, page, generation)
        return store.write(offset, bytes)
      },
      discard: (offset, length) => store.discard(offset, length),
      flush: () => store.flush(),
    }
  }
  const { umap } = await import('@umap/core')
  const store = sqliteStore({ path: file })
  const buffer = { bytes: 16 * pageBytes }
  const region = await umap({ store, access: 'read-write', pageBytes, buffer })
  return {
    async write(offset, length, page, generation) {
      fillPages(region.view(Uint8Array, offset, length), page, generation)
      // Now and then before the flush, so that pages are staged that no flush has covered.
      if (generation % 3 === 0) await region.evict({ offset, byteLength: length })
    },
    discard: (offset, length) => region.discard({ offset, byteLength: length }),
    flush: () => region.flush(),
  }
}

const target = await openTarget()
writeSync(1, 'ready\n')
for (let generation = Number(first); ; generation++) {
  for (const { page, count, isDiscard } of stepsOf(Number(seed), generation)) {
    const { offset, length } = rangeOf(page, count)
    await (isDiscard
      ? target.discard(offset, length)
      : target.write(offset, length, page, generation))
  }
  writeSync(1, `flushing ${generation}\n`)
  await target.flush()
  writeSync(1, `flushed ${generation}\n`)
}

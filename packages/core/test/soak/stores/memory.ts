// Stores in memory behind faults and layers, with more bytes than the buffer of a run by far.

import path from 'node:path'
import { cache, memoryStore, retry, type StoreRef, timeout } from '@umap/store'
import { type FaultRates, faultyStore } from '@umap/store-testkit'
import type { ModelStore } from '../model-store.ts'
import type { Random } from '../random.mjs'

const oftenFaulty: FaultRates = {
  read: { delay: 0.05, error: 0.02, short: 0.02 },
  write: { delay: 0.05, error: 0.02, short: 0.02, torn: 0.03 },
  flush: { delay: 0.2, error: 0.05 },
  discard: { error: 0.05 },
}

/** See `ModelStores`. */
export function modelStores(random: Random, folder: string): ModelStore[] {
  const faulty = (inner: StoreRef, rates: FaultRates, isVolatile = false) =>
    faultyStore(inner, {
      seed: random.integer(2 ** 32),
      rates,
      volatile: isVolatile,
      delayMsMax: 3,
    })
  return [
    storeOf('memory', random, (inner) => inner),
    storeOf('memory with faults', random, (inner) => faulty(inner, oftenFaulty)),
    // What was not flushed is seen by no look past the engine.
    storeOf('memory behind a volatile cache', random, (inner) => faulty(inner, oftenFaulty, true)),
    storeOf('memory with faults behind a cache in a file', random, (inner) =>
      cache(faulty(inner, oftenFaulty), {
        path: path.join(folder, 'cache'),
        bytes: 2 ** 20,
        blockBytes: 16384,
        trust: 'until-closed',
      }),
    ),
    storeOf('memory with faults behind layers', random, (inner) => {
      const { error = 0, ...others } = oftenFaulty.read ?? {}
      const rates = { ...oftenFaulty, read: { ...others, error: error * 5 } }
      return retry(timeout(faulty(inner, rates, true)), { delayMs: 1, delayMaxMs: 4 })
    }),
  ]
}

function storeOf(name: string, random: Random, wrap: (inner: StoreRef) => StoreRef): ModelStore {
  const byteLength = 3 * 2 ** 20 + random.integer(2 ** 20)
  const inner = memoryStore({ byteLength })
  return { name, byteLength, ref: wrap(inner), durableRef: inner }
}

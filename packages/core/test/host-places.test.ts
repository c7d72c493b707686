// Where a JavaScript store runs makes no difference to what a region is: the same tests for a
// worker and for a process. Stores are told what to do through files.

import { readFileSync } from 'node:fs'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { hostedFile, patternBytes, scratchFile } from './scratch.ts'
import { reports, tell } from './stores/told-store.mjs'
import { byteLength, openTold, pageBytes } from './told-region.ts'

const countingUrl = new URL('./stores/counting-store.mjs', import.meta.url)
const places = ['worker', 'process'] as const

describe.each(places)('a store in a %s', (host) => {
  it.each(['sync', 'async', 'told'] as const)('is read and written (%s)', async (kind) => {
    const { region, options, view } = await openTold(host, { kind })
    const bytes = patternBytes(byteLength)
    expect(Buffer.from(view).equals(bytes)).toBe(true)
    for (let index = 0; index < byteLength; index += 1000) {
      view[index] = 200
      bytes[index] = 200
    }
    await region.close()
    expect(readFileSync(options.path).equals(bytes)).toBe(true)
    expect(reports(options)).toMatchObject([{ opened: true }, { closed: true }])
    expect(reports(options)[0]?.pid === process.pid).toBe(host === 'worker')
  })

  it('is read and written where it has a native descriptor', async () => {
    const file = scratchFile(patternBytes(byteLength))
    const options = { store: hostedFile(file), host, access: 'read-write', pageBytes } as const
    const region = await umap(options)
    expect(region.view(Buffer).equals(patternBytes(byteLength))).toBe(true)
    region.view(Uint8Array)[9] = 1
    await region.close()
    expect(readFileSync(file)[9]).toBe(1)
  })

  it('cannot be opened for a reason that reaches the caller', async () => {
    const store = storeRef(new URL('./stores/unwilling-store.mjs', import.meta.url), {
      how: 'throw',
    })
    const error = await umap({ store, host }).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'UMAP_STORE' })
    expect(error.message).toMatch(/refused/)
  })

  it('gets calls up to concurrencyMax at once, and neighbours up to callBytesMax in one', async () => {
    const [concurrencyMax, callBytesMax] = [6, 4 * pageBytes]
    const options = { how: 'gathers', concurrencyMax, callBytesMax }
    const all = concurrencyMax * callBytesMax * 2
    const store = storeRef(countingUrl, { ...options, byteLength: all })
    const region = await umap({ store, host, pageBytes, buffer: { bytes: 2 * all } })
    // Ends only where the engine has that many calls in flight.
    await region.prefault()
    const counted = region.view(Uint32Array, (all / 2 / callBytesMax) * callBytesMax, 2)
    expect([...counted]).toEqual([concurrencyMax, callBytesMax])
    await region.close()
  })

  it.each(['returns', 'promises'])('that %s at once has its timers run', async (how) => {
    const pageCount = 2000
    const options = { how, concurrencyMax: 4, callBytesMax: pageBytes }
    const store = storeRef(countingUrl, { ...options, byteLength: pageCount * pageBytes })
    const buffer = { bytes: 2 * pageCount * pageBytes }
    const region = await umap({ store, host, pageBytes, buffer })
    const words = region.view(Uint32Array)
    // Ends only where a timer has run. So many calls wait all the time of a prefault that the store
    // does not run out of them.
    for (let ticksMax = 0; ticksMax === 0; await region.evict()) {
      await region.prefault()
      for (let page = 0; page < pageCount; page++) {
        ticksMax = Math.max(ticksMax, words[(page * pageBytes) / 4] as number)
      }
    }
    await region.close()
  })

  it('answers after it died in a fault, and nothing is lost', async () => {
    const { region, options, view } = await openTold(host)
    view[0] = 77
    for (const [order, page] of [
      ['exit', 20],
      ['throw', 40],
    ] as const) {
      tell(options, order)
      // This thread is blocked here: the host is started again without it.
      expect(view[page * pageBytes]).toBe(patternBytes(byteLength)[page * pageBytes])
    }
    expect(reports(options).filter(({ opened }) => opened)).toHaveLength(3)
    await region.close()
    expect(readFileSync(options.path)[0]).toBe(77)
  })
})

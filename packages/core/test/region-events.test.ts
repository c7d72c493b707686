// What a region makes of what the engine tells it: events, errors with a place and a cause, and a
// line on standard error where nobody listens. The engine is played by the test.

import { NativeError, type NativeRegionEvent } from '@umap/native'
import { expect, it } from 'vitest'
import { Region } from '../src/region.ts'
import { emptyMemory, type RegionMemory } from '../src/region-memory.ts'
import { runProgram } from './program.ts'

function regionOf(memory: Partial<RegionMemory> = {}) {
  let tell: (event: NativeRegionEvent) => void = () => undefined
  const closes: boolean[] = []
  const region = new Region({
    memory: {
      ...emptyMemory(false),
      subscribe: (onEvent) => {
        tell = onEvent
        return () => undefined
      },
      ...memory,
    },
    byteLength: 0,
    pageBytes: 4096,
    access: 'read-write',
    shared: false,
    onShare() {},
    async onClose(isLast) {
      closes.push(isLast)
    },
  })
  return { region, closes, tell: (event: NativeRegionEvent) => tell(event) }
}

const place = { offset: 8192, byteLength: 4096, budgetBytes: 0 }

it('a failed write-back is an error event with place and cause', () => {
  const { region, tell } = regionOf()
  const errors: unknown[] = []
  region.on('error', (error) => errors.push(error))
  tell({ kind: 'write-back', error: new NativeError('pwrite: No space left', 28, true), ...place })
  const detail = JSON.stringify({ name: 'TypeError', message: 'odd', code: 'X', retryable: false })
  tell({ kind: 'fill', error: new NativeError('store', 5, false, detail), ...place })
  expect(errors).toMatchObject([
    {
      name: 'UmapError',
      code: 'UMAP_STORE',
      place: { operation: 'write-back', offset: 8192, byteLength: 4096 },
      cause: { name: 'StoreError', code: 'ENOSPC', retryable: true },
    },
    { place: { operation: 'fill' }, cause: { name: 'TypeError', code: 'X', message: 'odd' } },
  ])
})

it('pressure and stalls are events of their own', () => {
  const { region, tell } = regionOf()
  const events: unknown[] = []
  region.on('pressure', (event) => events.push(event))
  region.on('stall', (event) => events.push(event))
  tell({ kind: 'pressure', ...place, budgetBytes: 1 << 20 })
  tell({ kind: 'stall', error: new NativeError('read of x waits', 110, true), ...place })
  expect(events).toEqual([
    { budgetBytes: 1 << 20 },
    { message: 'read of x waits', offset: 8192, byteLength: 4096 },
  ])
})

it('an error that nobody listens for is one line on standard error, and no crash', async () => {
  const end = await runProgram('unheard-error')
  expect(end).toMatchObject({ code: 0, signal: null, stdout: 'still here\n' })
  const lines = end.stderr.trim().split('\n')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^umap: write-back of 4096 bytes at 8192 .*No space.*'error' event/)
})

it('a close that fails leaves the region open, and may be repeated', async () => {
  const failures = [new NativeError('pwrite: No space left', 28, true)]
  const { region, closes } = regionOf({
    async close() {
      const failure = failures.shift()
      if (failure !== undefined) throw failure
      return true
    },
  })
  await expect(region.close()).rejects.toMatchObject({ code: 'UMAP_STORE' })
  expect(closes).toEqual([])
  expect(region.view(Uint8Array).length).toBe(0)
  await region.flush()
  await region.close()
  expect(closes).toEqual([true])
})

it('a region whose last user is elsewhere says so when it is closed', async () => {
  const { region, closes } = regionOf({ close: async () => false })
  await region.close()
  expect(closes).toEqual([false])
})

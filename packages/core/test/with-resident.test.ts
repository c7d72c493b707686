// Memory that system calls can be given in every way of taking faults: pinned for as long as a call
// takes, and not a moment longer.

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import path from 'node:path'
import { type Region, umap } from '@umap/core'
import { memoryStore } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { openRegion } from './open-region.ts'
import { patternBytes, scratchFile, scratchFolder } from './scratch.ts'

const pageBytes = 4096
const byteLength = 64 * pageBytes
const bytes = patternBytes(byteLength)
const range = { offset: 8 * pageBytes + 100, byteLength: 4 * pageBytes }
const expected = bytes.subarray(range.offset, range.offset + range.byteLength)
const rangePages = 5
const bufferBytes = 16 * pageBytes

async function open(access: 'read-only' | 'read-write' = 'read-only'): Promise<Region> {
  return openRegion({ file: scratchFile(bytes), access, pageBytes, bufferBytes })
}

/** A promise and what settles it. */
function deferred<T>() {
  let resolve = (_value: T) => {}
  let reject = (_reason: Error) => {}
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

describe('withResident', () => {
  it('writes absent pages to a file, and returns what the call returned', async () => {
    const region = await open()
    const file = path.join(scratchFolder(), 'copy')
    const fd = openSync(file, 'w')
    const written: number = region.withResident(range, (part) => writeSync(fd, part))
    closeSync(fd)
    expect(written).toBe(range.byteLength)
    expect(readFileSync(file).equals(expected)).toBe(true)
    expect(region.stats().pinnedBytes).toBe(0)
  })

  it('reads a file into absent pages, which reach the store', async () => {
    const target = scratchFile(byteLength)
    const region = await openRegion({
      file: target,
      access: 'read-write',
      pageBytes,
      bufferBytes,
    })
    const fd = openSync(scratchFile(bytes), 'r')
    region.withResident(range, (part) => readSync(fd, part, 0, part.length, range.offset))
    closeSync(fd)
    await region.close()
    const found = readFileSync(target)
    expect(found.subarray(range.offset, range.offset + range.byteLength).equals(expected)).toBe(
      true,
    )
    expect(found[range.offset - 1]).toBe(0)
  })

  it('keeps the range until the promise of an asynchronous call has settled', async () => {
    const region = await open()
    const handle = await openFile(path.join(scratchFolder(), 'copy'), 'w+')
    const gate = deferred<void>()
    const done = region.withResident(range, async (part) => {
      await gate.promise
      return (await handle.write(part)).bytesWritten
    })
    expect(region.stats().pinnedBytes).toBe(rangePages * pageBytes)
    await region.evict()
    expect(region.stats().residentBytes).toBe(rangePages * pageBytes)
    gate.resolve()
    expect(await done).toBe(range.byteLength)
    expect(region.stats().pinnedBytes).toBe(0)
    await handle.close()
  })

  it('releases the range when the call throws or rejects', async () => {
    const region = await open()
    const fail = () => {
      throw new Error('no disk')
    }
    expect(() => region.withResident(range, fail)).toThrow('no disk')
    expect(region.stats().pinnedBytes).toBe(0)
    const rejected = region.withResident(range, async () => fail())
    await expect(rejected).rejects.toThrow('no disk')
    expect(region.stats().pinnedBytes).toBe(0)
  })

  it('is waited for by close, so that the memory outlives the call', async () => {
    const region = await open()
    const gate = deferred<void>()
    const seen = region.withResident(range, async (part) => {
      await gate.promise
      return Buffer.from(part)
    })
    let isClosed = false
    const closing = region.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    gate.resolve()
    expect((await seen).equals(expected)).toBe(true)
    await closing
  })

  it('gives a Buffer over the region itself', async () => {
    const region = await open('read-write')
    region.withResident(range, (part) => {
      expect(Buffer.isBuffer(part)).toBe(true)
      expect(part.buffer).toBe(region.buffer)
      part[0] = 7
    })
    expect(region.view(Uint8Array)[range.offset]).toBe(7)
  })

  it('refuses what it cannot pin or call', async () => {
    const region = await open()
    const call = () => undefined
    expect(() => region.withResident({ offset: 0 }, call)).toThrow(
      expect.objectContaining({ code: 'UMAP_NO_MEMORY' }),
    )
    expect(() => region.withResident({ offset: 2 * byteLength }, call)).toThrow(/range\.offset/)
    expect(() => region.withResident(range, 'x' as never)).toThrow(/use must be a function/)
    expect(region.stats().pinnedBytes).toBe(0)
    await region.close()
    expect(() => region.withResident(range, call)).toThrow(/closed/)
  })

  it('works on a region of no bytes', async () => {
    const region = await umap({ store: memoryStore({ byteLength: 0 }) })
    expect(region.withResident({}, (part) => part.length)).toBe(0)
    expect(region.stats().faultMode).toBe(null)
    await region.close()
  })
})

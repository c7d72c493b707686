// Mapping, unmapping and closing: what JavaScript holds of a region's memory, and when it is gone.

import { readSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { NativeError } from '@umap/native'
import { describe, expect, it } from 'vitest'
import { createBuffer, native, openFileRegion, openScratchFile, pageBytes } from './regions.ts'

const byteLength = 10 * pageBytes + 100
const nodeMajor = Number(process.versions.node.split('.')[0])
const hasTransfer = 'transfer' in ArrayBuffer.prototype

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error('it did not happen')
    await setTimeout(1)
  }
}

describe('a region over a file', () => {
  it('reads the file, writes to it, and is exactly as long as it says', async () => {
    const content = Uint8Array.from({ length: byteLength }, (_, index) => index % 251)
    const fd = openScratchFile(byteLength, content)
    const id = openFileRegion(fd, byteLength, createBuffer())
    const view = new Uint8Array(native.regionMap(id, false))
    expect(view.length).toBe(byteLength)
    expect(view.every((byte, index) => byte === content[index])).toBe(true)
    view[5000] = 255
    await native.regionFlush(id, 0, byteLength)
    const read = new Uint8Array(1)
    readSync(fd, read, 0, 1, 5000)
    expect(read[0]).toBe(255)
    view[6000] = 254
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(true)
    readSync(fd, read, 0, 1, 6000)
    expect(read[0]).toBe(254)
  })

  it('tells what it is and what it did', async () => {
    const bufferId = createBuffer()
    const id = openFileRegion(openScratchFile(byteLength), byteLength, bufferId)
    expect(native.regionInfo(id)).toEqual({
      byteLength,
      pageBytes,
      writable: true,
      bufferId,
      mapped: 0,
    })
    await native.regionPrefault(id, Float64Array.of(0, 1, 8192, 5000))
    const stats = native.regionStats(id)
    expect(stats.residentBytes).toBe(3 * pageBytes)
    expect(stats.fillLatencyUs.count).toBeGreaterThan(0)
    expect(native.bufferStats(bufferId).regions).toBe(1)
    native.regionPin(id, 0, 1)
    expect(native.regionStats(id).pinnedBytes).toBe(pageBytes)
    native.regionUnpin(id, 0, 1)
    await native.regionEvict(id, 0, byteLength)
    expect(native.regionStats(id).residentBytes).toBe(0)
    await native.regionClose(id)
    expect(native.bufferStats(bufferId).regions).toBe(0)
  })
})

describe('mapping in one isolate', () => {
  it('gives the same buffer each time, and detaches it with the last unmap', async () => {
    const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
    const buffer = native.regionMap(id, false)
    expect(native.regionMap(id, false)).toBe(buffer)
    native.regionUnmap(id)
    expect(buffer.byteLength).toBe(byteLength)
    expect(await native.regionClose(id)).toBe(false)
    native.regionUnmap(id)
    expect(buffer.byteLength).toBe(0)
    expect(await native.regionClose(id)).toBe(true)
  })

  it('works again after the last unmap', async () => {
    const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
    new Uint8Array(native.regionMap(id, false))[1] = 11
    native.regionUnmap(id)
    expect(new Uint8Array(native.regionMap(id, false))[1]).toBe(11)
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(true)
  })

  it('detaches the buffer when a region is closed without an unmap', async () => {
    const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
    const buffer = native.regionMap(id, false)
    expect(await native.regionClose(id)).toBe(true)
    expect(buffer.byteLength).toBe(0)
  })

  it('refuses a second close, and everything after it', async () => {
    const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
    const first = native.regionClose(id)
    await expect(native.regionClose(id)).rejects.toBeInstanceOf(NativeError)
    expect(() => native.regionMap(id, false)).toThrow(NativeError)
    expect(await first).toBe(true)
    await expect(native.regionClose(id)).rejects.toMatchObject({ errno: 9 })
    expect(() => native.regionUnmap(id)).toThrow(NativeError)
    expect(() => native.regionFlush(id, 0, 1)).toThrow(NativeError)
  })

  it('lets operations end before it closes', async () => {
    const fd = openScratchFile(byteLength)
    const id = openFileRegion(fd, byteLength, createBuffer())
    const view = new Uint8Array(native.regionMap(id, false))
    for (let page = 0; page < 10; page++) view[page * pageBytes] = page
    const results = await Promise.all([
      native.regionFlush(id, 0, byteLength),
      native.regionEvict(id, 0, byteLength),
      native.regionPrefault(id, Float64Array.of(0, byteLength)),
      native.regionClose(id),
    ])
    expect(results.at(-1)).toBe(true)
  })

  const large = 5 * 2 ** 30
  // skipped: before Node 22 an ArrayBuffer over such memory has 4 GiB at most
  it.runIf(nodeMajor >= 22)('maps more than 4 GiB', async () => {
    const id = openFileRegion(openScratchFile(large), large, createBuffer())
    const view = new Uint8Array(native.regionMap(id, false))
    view[large - 1] = 5
    expect(view[large - 2]).toBe(0)
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(true)
  })

  // skipped: this Node has no such limit
  it.runIf(nodeMajor < 22)('refuses more than 4 GiB before Node 22', async () => {
    const id = openFileRegion(openScratchFile(large), large, createBuffer())
    expect(() => native.regionMap(id, false)).toThrow(RangeError)
    expect(() => native.regionMap(id, false)).toThrow(/needs Node 22/)
    expect(await native.regionClose(id)).toBe(true)
  })
})

describe('memory that outlives its region', () => {
  // skipped: this Node has no ArrayBuffer.prototype.transfer
  it.runIf(hasTransfer)('stays readable in a buffer that was moved away', async () => {
    const fd = openScratchFile(byteLength)
    const bufferId = createBuffer()
    const id = openFileRegion(fd, byteLength, bufferId)
    const buffer: ArrayBuffer & { transfer?: () => ArrayBuffer } = native.regionMap(id, false)
    let moved = buffer.transfer?.() as ArrayBuffer | undefined
    new Uint8Array(moved ?? buffer)[7] = 77
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(true)
    const read = new Uint8Array(1)
    readSync(fd, read, 0, 1, 7)
    expect(read[0]).toBe(77)
    expect(new Uint8Array(moved ?? buffer)[7]).toBe(77)
    expect(() => native.regionInfo(id)).toThrow(NativeError)
    expect(native.bufferStats(bufferId).regions).toBe(1)
    moved = undefined
    await until(() => {
      collectGarbage()
      return native.bufferStats(bufferId).regions === 0
    })
  })

  it('is a SharedArrayBuffer until the garbage collector takes it', async () => {
    const fd = openScratchFile(byteLength)
    const bufferId = createBuffer()
    const id = openFileRegion(fd, byteLength, bufferId)
    let buffer: SharedArrayBuffer | undefined
    try {
      buffer = native.regionMap(id, true)
    } catch (error) {
      expect(error).toMatchObject({ code: 'UMAP_UNSUPPORTED', errno: 95 })
      expect(await native.regionClose(id)).toBe(true)
      return
    }
    expect(buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(Atomics.add(new Int32Array(buffer, 0, 4), 1, 9)).toBe(0)
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(true)
    const read = new Uint8Array(1)
    readSync(fd, read, 0, 1, 4)
    expect(read[0]).toBe(9)
    // It must not be touched any more; if it is, that is no crash.
    expect(new Int32Array(buffer, 0, 4)[1]).toBe(9)
    expect(native.bufferStats(bufferId).residentBytes).toBeLessThan(byteLength)
    buffer = undefined
    await until(() => {
      collectGarbage()
      return native.bufferStats(bufferId).regions === 0
    })
  })
})

describe('mapping in several isolates', () => {
  const attacher = new URL('./programs/attacher.mjs', import.meta.url)

  /** Asks the worker for one step, and resolves to its answer. */
  function ask(worker: Worker, step: string): Promise<unknown> {
    worker.postMessage(step)
    return new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  }

  it('shares the memory, and the last one closes', async () => {
    const fd = openScratchFile(byteLength)
    const id = openFileRegion(fd, byteLength, createBuffer())
    const view = new Uint8Array(native.regionMap(id, false))
    view[0] = 1
    const worker = new Worker(attacher, { workerData: id })
    expect(await ask(worker, 'map')).toBe(1)
    expect(await ask(worker, 'write')).toBe(2)
    expect(view[0]).toBe(2)
    native.regionUnmap(id)
    expect(await native.regionClose(id)).toBe(false)
    expect(await ask(worker, 'write')).toBe(3)
    expect(await ask(worker, 'close')).toBe(true)
    const read = new Uint8Array(1)
    readSync(fd, read, 0, 1, 0)
    expect(read[0]).toBe(3)
    await worker.terminate()
  })

  it('is not held up by a thread that blocks after its own close', async () => {
    const id = openFileRegion(openScratchFile(byteLength), byteLength, createBuffer())
    native.regionMap(id, false)
    const worker = new Worker(attacher, { workerData: id })
    await ask(worker, 'map')
    expect(await ask(worker, 'close and block')).toBe(false)
    expect(await native.regionClose(id)).toBe(true)
    await worker.terminate()
  })

  it('is closed by the end of the last thread that used it', async () => {
    const fd = openScratchFile(byteLength)
    const bufferId = createBuffer()
    const id = openFileRegion(fd, byteLength, bufferId)
    const worker = new Worker(attacher, { workerData: id })
    await ask(worker, 'map')
    await ask(worker, 'write')
    expect(await native.regionClose(id)).toBe(false)
    await worker.terminate()
    await until(() => native.bufferStats(bufferId).regions === 0)
    const read = new Uint8Array(1)
    readSync(fd, read, 0, 1, 0)
    expect(read[0]).toBe(1)
  })
})

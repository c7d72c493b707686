// A region far larger than memory, over a file that is nearly all hole.

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { umap } from '@umap/core'
import { describe, expect, it } from 'vitest'
import { localFile, scratchFile } from './scratch.ts'

const byteLength = 2 ** 40
const nodeMajor = Number.parseInt(process.versions.node, 10)

describe('a file of 1 TiB', () => {
  it('is one view from Node 22 on, and a RangeError that says so before', async () => {
    const file = scratchFile(byteLength)
    const opened = umap({
      store: localFile(file),
      access: 'read-write',
      buffer: { bytes: 2 ** 22 },
    })
    if (nodeMajor < 22) {
      await expect(opened).rejects.toThrow(RangeError)
      await expect(opened).rejects.toThrow(/needs Node 22/)
      return
    }
    const region = await opened
    const view = region.view(Float64Array)
    expect(view.length).toBe(byteLength / 8)
    const step = view.length / 64
    for (let index = 5; index < view.length; index += step) {
      expect(view[index]).toBe(0)
      view[index] = index
    }
    for (let index = 5; index < view.length; index += step) {
      expect(view[index]).toBe(index)
    }
    expect(view.at(-1)).toBe(0)
    view[view.length - 1] = 1.5
    await region.close()
    expect(statSync(file).size).toBe(byteLength)
    expect(statSync(file).blocks * 512).toBeLessThan(64 * 2 ** 20)
    const fd = openSync(file, 'r')
    const last = new Float64Array(1)
    readSync(fd, last, 0, 8, byteLength - 8)
    closeSync(fd)
    expect(last[0]).toBe(1.5)
  })
})

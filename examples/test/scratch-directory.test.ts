// A run's directory is made only where there is room, and does not stay behind.

import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ScratchDirectory } from '../dist/demo/scratch-directory.js'

describe('ScratchDirectory', () => {
  it('is-removed-with-its-files-when-disposed-of', async () => {
    const listeners = process.listenerCount('exit')
    const scratch = await ScratchDirectory.make(1)
    writeFileSync(path.join(scratch.path, 'records'), 'x')
    await scratch[Symbol.asyncDispose]()
    expect(existsSync(scratch.path)).toBe(false)
    expect(process.listenerCount('exit')).toBe(listeners)
  })

  it('says-in-one-line-what-is-missing', async () => {
    await expect(ScratchDirectory.make(2 ** 60)).rejects.toThrow(
      /^\S+ has \d+ MiB free and this needs 1099511627776 MiB: set TMPDIR to a directory .+$/,
    )
  })
})

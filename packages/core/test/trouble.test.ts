// Trouble outside of the program: a file that shrinks, a disk that is full, a user who may not, an
// environment that says something else.

import { spawnSync } from 'node:child_process'
import { ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { umap } from '@umap/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { servesSystemCalls } from './fault-ways.ts'
import { runProgram } from './program.ts'
import { localFile, patternBytes, scratchFolder } from './scratch.ts'

describe('a page whose fill fails', () => {
  it('raises SIGBUS in who touches it, and says which and why', async () => {
    const end = await runProgram('touch-lost-page', { args: ['touch'] })
    expect(end.timedOut, end.stderr).toBe(false)
    expect(end.signal).toBe('SIGBUS')
    expect(end.stderr).toMatch(/umap: .*data.*81920/)
    expect(end.stdout).not.toContain('0')
  })

  // skipped: in this way of taking faults, system calls fail on every absent page
  it.skipIf(!servesSystemCalls)(
    'makes system calls fail with EFAULT, which can be caught',
    async () => {
      const end = await runProgram('touch-lost-page', { args: ['system-call'] })
      expect(end).toMatchObject({ code: 0, signal: null })
      expect(end.stdout).toContain('EFAULT')
      expect(end.stdout).toContain('event: fill')
    },
  )
})

describe('a full disk', () => {
  it('makes flush reject, loses nothing, and is over when there is room again', async (context) => {
    const folder = path.join(scratchFolder(), 'disk')
    mkdirSync(folder)
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
    if (mount.status !== 0) {
      return context.skip('this user cannot mount a small file system')
    }
    onTestFinished(() => void spawnSync('umount', ['-l', folder]))
    const file = path.join(folder, 'data')
    ftruncateSync(openSync(file, 'w'), 4 * 2 ** 20)
    const buffer = { bytes: 8 * 2 ** 20 }
    const region = await umap({ store: localFile(file), access: 'read-write', buffer })
    const failures: unknown[] = []
    region.on('error', (error) => failures.push(error))
    const bytes = patternBytes(4 * 2 ** 20)
    region.view(Uint8Array).set(bytes)
    await expect(region.flush()).rejects.toMatchObject({
      code: 'UMAP_STORE',
      cause: { code: 'ENOSPC' },
    })
    expect(region.view(Buffer).equals(bytes)).toBe(true)
    expect(region.stats().dirtyBytes).toBeGreaterThan(0)
    await expect(region.close()).rejects.toMatchObject({ code: 'UMAP_STORE' })
    expect(region.view(Buffer).equals(bytes)).toBe(true)
    expect(failures.length).toBeGreaterThan(0)
    spawnSync('mount', ['-o', 'remount,size=16m', folder])
    await region.close()
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })
})

describe('a user who may not use userfaultfd', () => {
  it('is told which remedies apply, or can map nevertheless', async () => {
    const { stdout, code } = await runProgram('no-permission')
    expect(code).toBe(0)
    const result = JSON.parse(stdout)
    if (result.code !== undefined) {
      expect(result.code).toBe('UMAP_PERMISSION')
      expect(result.message).toMatch(/device|sysctl|capability/)
      expect(result.stack).toContain('no-permission.mjs')
    } else {
      expect(result.first).toBe(0)
    }
  })
})

describe('the environment', () => {
  const run = async (env: Record<string, string>, options = {}) => {
    const { stdout } = await runProgram('environment', { env, args: [JSON.stringify(options)] })
    return JSON.parse(stdout)
  }

  it('overrides defaults, and options override the environment', async () => {
    const env = { UMAP_PAGESIZE: '16384', UMAP_BUFSIZE: '8', UMAP_READ_AHEAD: '0' }
    const defaults = await run(env)
    expect(defaults.pageBytes).toBe(16384)
    expect(defaults.readAheadBytes).toBe(0)
    expect(defaults.residentBytes).toBeLessThanOrEqual(8 * 16384)
    expect((await run(env, { pageBytes: 4096 })).pageBytes).toBe(4096)
  })

  it('with nonsense in it is an error that names the variable', async () => {
    const error = await run({ UMAP_PAGE_FILLERS: 'lots' })
    expect(error.name).toBe('RangeError')
    expect(error.message).toMatch(/UMAP_PAGE_FILLERS.*lots/)
  })

  it('that makes a buffer too small is an error that names the variable', async () => {
    const error = await run({ UMAP_BUFSIZE: '2', UMAP_PAGESIZE: '4096' }, { pageBytes: 65536 })
    expect(error.message).toContain('UMAP_BUFSIZE')
  })
})

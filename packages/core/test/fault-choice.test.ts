// The ways in which faults arrive: which one a region gets, what a machine that refuses the best one
// does about it, and what becomes of system calls in each.

import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type FaultChoice, type Region, umap } from '@umap/core'
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { startAttached } from './attached-thread.ts'
import { makeFilter, type Refusal } from './confined.ts'
import { requireMode } from './fault-ways.ts'
import { runProgram } from './program.ts'
import { localFile, patternBytes, scratchFile, scratchFolder } from './scratch.ts'

const pageBytes = 4096
const byteLength = 64 * pageBytes
const bytes = patternBytes(byteLength)
const limited = ['signal', 'in-thread'] as const

async function open(faults: FaultChoice, access: 'read-only' | 'read-write' = 'read-write') {
  const store = localFile(scratchFile(bytes))
  const buffer = { bytes: 32 * pageBytes }
  const region = await umap({ store, access, pageBytes, buffer, faults })
  onTestFinished(() => region.close())
  return region
}

function codeOf(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** Writes a part of a region to a file. */
function writeOut(region: Region, offset: number, length: number): unknown {
  const fd = openSync(path.join(scratchFolder(), 'copy'), 'w')
  onTestFinished(() => closeSync(fd))
  return codeOf(() => writeSync(fd, region.view(Uint8Array, offset, length)))
}

describe.each(['userfaultfd', ...limited] as const)('faults by %s', (faults) => {
  it('show what the store has, here and in attached threads, which say the same', async (context) => {
    requireMode(context, faults)
    const region = await open(faults)
    const thread = await startAttached(region.handle)
    expect(region.stats().faultMode).toBe(faults)
    expect(await thread.ask('faultMode')).toBe(faults)
    expect(region.view(Buffer).equals(bytes)).toBe(true)
    const sum = bytes.reduce((total, byte) => total + byte, 0)
    expect(await thread.ask('sum')).toBe(sum)
    await thread.ask('close')
  })

  it('let system calls have what is pinned', async (context) => {
    requireMode(context, faults)
    const region = await open(faults)
    const range = { offset: pageBytes, byteLength: 4 * pageBytes }
    const fd = openSync(scratchFile(new Uint8Array(byteLength).fill(9)), 'r+')
    const read = (part: Buffer) => readSync(fd, part, 0, part.length, 0)
    // Clean and resident is not enough where the first write must be noticed.
    await region.prefault(range)
    expect(region.withResident(range, read)).toBe(range.byteLength)
    const view = region.view(Uint8Array)
    expect([view[pageBytes - 1], view[pageBytes]]).toEqual([bytes[pageBytes - 1], 9])
    expect(region.withResident({ offset: 0, byteLength: 1 }, (part) => writeSync(fd, part))).toBe(1)
    closeSync(fd)
    await region.evict()
    expect(view[5 * pageBytes - 1]).toBe(9)
  })
})

describe.each(limited)('without faults inside system calls, by %s,', (faults) => {
  it('a system call on absent pages fails with EFAULT, and a touch goes on', async (context) => {
    requireMode(context, faults)
    const region = await open(faults, 'read-only')
    expect(writeOut(region, 40 * pageBytes, pageBytes)).toBe('EFAULT')
    expect(region.view(Uint8Array)[40 * pageBytes]).toBe(bytes[40 * pageBytes])
    expect(writeOut(region, 40 * pageBytes, pageBytes)).toBe(pageBytes)
  })

  it('a socket says EFAULT, and sends what is pinned', async (context) => {
    requireMode(context, faults)
    const region = await open(faults, 'read-only')
    const received: Buffer[] = []
    const server = createServer((socket) => {
      socket.on('data', (data) => received.push(data)).on('error', () => undefined)
    })
    const address = path.join(scratchFolder(), 'socket')
    await new Promise<void>((resolve) => server.listen(address, resolve))
    onTestFinished(() => void server.close())
    const send = (part: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        const socket = createConnection(address)
        socket.on('error', reject).on('close', () => resolve())
        socket.end(part)
      })
    const absent = send(region.view(Uint8Array, 40 * pageBytes, pageBytes))
    await expect(absent).rejects.toMatchObject({ code: 'EFAULT' })
    const range = { offset: 40 * pageBytes, byteLength: 2 * pageBytes }
    await region.withResident(range, send)
    const expected = bytes.subarray(40 * pageBytes, 42 * pageBytes)
    expect(Buffer.concat(received).equals(expected)).toBe(true)
  })
})

describe('userfaultfd', () => {
  it('fills absent pages inside of system calls', async (context) => {
    requireMode(context, 'userfaultfd')
    const region = await open('userfaultfd', 'read-only')
    expect(writeOut(region, 40 * pageBytes, 8 * pageBytes)).toBe(8 * pageBytes)
  })
})

interface Outcome {
  readonly faultMode?: string
  readonly absent?: unknown
  readonly pinned?: number
  readonly code?: string
  readonly message?: string
  readonly warnings: readonly string[]
}

const folder = mkdtempSync(path.join(tmpdir(), 'umap-core-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const filter = makeFilter(folder)

/** Opens two regions in a process of its own, and collects what it was warned of. */
async function tryWay(
  faults: FaultChoice | undefined,
  env: Record<string, string> = {},
  refusal?: Refusal,
): Promise<Outcome> {
  const wrapper = refusal === undefined || typeof filter === 'string' ? [] : filter(refusal)
  const options = JSON.stringify(faults === undefined ? {} : { faults })
  const args = [options, path.join(folder, 'copy')]
  const end = await runProgram('fault-way', { args, env: { UMAP_FAULTS: '', ...env }, wrapper })
  expect(end).toMatchObject({ code: 0, stderr: '' })
  return { ...JSON.parse(end.stdout), warnings: end.faultWarnings }
}

const whole = 1 << 17

describe('the first region without faults inside system calls', () => {
  it('warns once, with the way out and the better way', async (context) => {
    requireMode(context, 'signal')
    const { faultMode, absent, pinned, warnings } = await tryWay('signal')
    expect({ faultMode, absent, pinned }).toEqual({
      faultMode: 'signal',
      absent: 'EFAULT',
      pinned: whole,
    })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^umap: faults arrive by signals.*region\.withResident\(/)
    expect(warnings[0]).toMatch(/faults: 'auto'\n$|umap doctor says how/)
  })

  it('is silent where warnings are, and where there is nothing to warn of', async (context) => {
    requireMode(context, 'userfaultfd')
    const silent = await tryWay('signal', { UMAP_LOG_LEVEL: 'ERROR' })
    expect(silent).toMatchObject({ faultMode: 'signal', warnings: [] })
    const best = await tryWay(undefined)
    expect(best).toMatchObject({ faultMode: 'userfaultfd', absent: whole, warnings: [] })
  })
})

describe('the choice', () => {
  it("is the environment's where no option says otherwise", async (context) => {
    requireMode(context, 'userfaultfd')
    const env = { UMAP_FAULTS: 'signal' }
    expect(await tryWay(undefined, env)).toMatchObject({ faultMode: 'signal' })
    expect(await tryWay('auto', env)).toMatchObject({ faultMode: 'userfaultfd' })
  })
})

describe('a machine that refuses', () => {
  function requireFilter(context: TestContext): void {
    requireMode(context, 'userfaultfd')
    context.skip(typeof filter === 'string', String(filter))
  }

  it('userfaultfd has signals', async (context) => {
    requireFilter(context)
    const { faultMode, absent, pinned, warnings } = await tryWay('auto', {}, 'all')
    expect({ faultMode, absent, pinned }).toEqual({
      faultMode: 'signal',
      absent: 'EFAULT',
      pinned: whole,
    })
    expect(warnings[0]).toContain('a seccomp filter that allows userfaultfd')
  })

  it('only faults inside system calls has user mode', async (context) => {
    requireFilter(context)
    for (const faults of ['auto', 'userfaultfd'] as const) {
      const { faultMode, absent, warnings } = await tryWay(faults, {}, 'kernel-faults')
      expect({ faultMode, absent }).toEqual({
        faultMode: 'userfaultfd-user-mode',
        absent: 'EFAULT',
      })
      expect(warnings).toHaveLength(1)
    }
  })

  it.for([
    ['all', 'userfaultfd', 'UMAP_PERMISSION'],
    ['all', 'in-thread', 'UMAP_PERMISSION'],
    ['missing', 'userfaultfd', 'UMAP_UNSUPPORTED'],
    ['missing', 'in-thread', 'UMAP_UNSUPPORTED'],
  ] as const)(
    '%s of userfaultfd says why %s cannot be had',
    async ([refusal, faults, code], context) => {
      requireFilter(context)
      const outcome = await tryWay(faults, {}, refusal)
      expect(outcome.code).toBe(code)
      expect(outcome.message).toContain(`faults: '${faults}' fails here: userfaultfd(2)`)
      expect(outcome.message).toContain('a seccomp filter refuses it')
      expect(outcome.message).toContain('\n  - seccomp: allow userfaultfd')
      expect(outcome.message).toContain("\n  - faults: 'auto', which takes 'signal' here")
      const asked = await tryWay(undefined, { UMAP_FAULTS: faults }, refusal)
      expect(asked.message).toContain(`UMAP_FAULTS=${faults} fails here`)
    },
  )
})

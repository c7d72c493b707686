// A store in a process of its own: crashes, thread pool and descriptors are its own; it never
// outlives the program, and nothing that a fault waits for waits for a signal.

import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { umap } from '@umap/core'
import { storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { faultMode, servesSystemCalls } from './fault-ways.ts'
import { type ProgramEnd, runProgram } from './program.ts'
import { patternBytes } from './scratch.ts'
import { reports, type ToldStoreOptions, tell } from './stores/told-store.mjs'
import { openTold, pageBytes, toldOptions, until } from './told-region.ts'

interface Told {
  readonly host?: 'worker' | 'process'
  readonly order?: string
  readonly wait?: 'touch' | 'system-call'
  readonly end?: 'exit' | 'throw' | 'stay'
}

/** Runs `told-host.mjs`; `onText` is called with every piece of its output. */
function runTold(
  options: ToldStoreOptions,
  { host = 'process', order = '', wait, end }: Told,
  more: Parameters<typeof runProgram>[1] = {},
): Promise<ProgramEnd> {
  const args = [host, JSON.stringify(options), order, wait ?? '', end ?? '']
  return runProgram('told-host', { args, ...more })
}

/** A process that has ended may still be listed, until somebody has asked for its status. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}

function pidsOf(options: ToldStoreOptions): number[] {
  return reports(options).flatMap(({ opened, pid }) => (opened ? [pid] : []))
}

describe('a process of stores', () => {
  it.each(['kill', 'abort', 'memory', 'disconnect'])(
    'that ends by %s in a fault is started again, and the fault is answered',
    async (order) => {
      const nodeOptions = order === 'memory' ? '--max-old-space-size=24' : ''
      const options = toldOptions()
      const end = await runTold(
        options,
        { order, wait: 'touch' },
        { env: { NODE_OPTIONS: nodeOptions } },
      )
      expect(end, end.stderr).toMatchObject({ code: 0, signal: null, timedOut: false })
      const byte = patternBytes(21 * pageBytes)[20 * pageBytes]
      expect(end.stdout).toBe(`ready\n${byte}\nfinished\n`)
      expect(end.stderr).toMatch(/^umap: the store host died: .*\/data\); restart 1 of 5$/m)
      expect(new Set(pidsOf(options)).size).toBe(2)
    },
  )

  // Who is blocked there takes no signals, so the one that tells of the end of a child may be late.
  // skipped: in this way of taking faults, system calls on absent pages fail instead of waiting
  it.skipIf(!servesSystemCalls)(
    'that is killed while a system call of the main thread faults is started again',
    async () => {
      const options = toldOptions()
      const end = await runTold(options, { order: 'kill', wait: 'system-call' })
      expect(end, end.stderr).toMatchObject({ code: 0, signal: null, timedOut: false })
      expect(end.stdout).toContain('finished')
      expect(new Set(pidsOf(options)).size).toBe(2)
    },
  )

  it('has a thread pool of its own', async () => {
    const end = await runProgram('pool-deadlock', { args: ['process'] })
    expect(end, end.stderr).toMatchObject({ code: 0, stdout: 'finished\n', timedOut: false })
  })

  it('inherits no descriptor of a region', async () => {
    const { region, options } = await openTold('process')
    const second = await openTold('process')
    const [report] = reports(second.options)
    expect(report?.pid).toBe(reports(options)[0]?.pid)
    const own = readdirSync('/proc/self/fd').map((fd) => linkOf(`/proc/self/fd/${fd}`))
    if (faultMode !== 'signal') expect(own).toContain('anon_inode:[userfaultfd]')
    const descriptors = report?.descriptors ?? []
    expect(descriptors).not.toContain('anon_inode:[userfaultfd]')
    // The first region's file, and the store's own.
    expect(descriptors).toContain(options.path)
    expect(descriptors.filter((each) => each.includes('memfd:'))).toHaveLength(1)
    await region.close()
    await second.region.close()
  })

  it('maps no regions', async () => {
    const store = storeRef(new URL('./stores/map-region-store.mjs', import.meta.url), {})
    const error = await umap({ store, host: 'process' }).catch((reason) => reason)
    expect(error.message).toContain('a store host cannot map regions')
  })

  it('that dies again and again is started again, and leaves none behind', async () => {
    const { region, options } = await openTold('process')
    const pids = new Set<number>()
    for (let death = 0; death < 5; death++) {
      tell(options, 'kill')
      await region.evict()
      await region.prefault({ offset: 0, byteLength: 1 })
      for (const pid of pidsOf(options)) pids.add(pid)
    }
    expect(pids.size).toBe(6)
    for (const pid of [...pids].slice(0, 5)) expect(isAlive(pid)).toBe(false)
    await region.close()
  })
})

describe('the end of a program', () => {
  it.each([
    ['by itself', {}, 0],
    ['by process.exit', { end: 'exit' }, 7],
    ['by an exception', { end: 'throw' }, 1],
    ['by process.exit while the store hangs', { order: 'hang', end: 'exit' }, 7],
  ] as const)('%s leaves no process', async (_how, told, code) => {
    const options = toldOptions()
    const end = await runTold(options, told)
    expect(end, end.stderr).toMatchObject({ code, signal: null, timedOut: false })
    const [pid = 0] = pidsOf(options)
    expect(pid).toBeGreaterThan(0)
    await until(() => !isAlive(pid))
  })

  it('of a thread ends its process of stores', async () => {
    const options = toldOptions()
    const thread = new Worker(new URL('./programs/told-host.mjs', import.meta.url), {
      argv: ['process', JSON.stringify(options), 'hang', 'touch', 'stay'],
      stdout: true,
    })
    await once(thread.stdout, 'data')
    await until(() => reports(options).some(({ hangs }) => hangs === true))
    const [pid = 0] = pidsOf(options)
    expect(isAlive(pid)).toBe(true)
    // It is blocked in a fault: the end of its stores is what it waits for.
    process.kill(pid, 'SIGKILL')
    await thread.terminate()
    await until(() => pidsOf(options).every((each) => !isAlive(each)))
  })

  it.each(['SIGKILL', 'SIGTERM'] as const)('by %s leaves no process', async (signal) => {
    for (const wait of [undefined, 'touch'] as const) {
      const options = toldOptions()
      const told = { order: 'hang', end: 'stay', ...(wait !== undefined && { wait }) } as const
      const end = await runTold(options, told, {
        onOutput: (text, child) => void (text.includes('ready') && child.kill(signal)),
      })
      expect(end.signal).toBe(signal)
      const [pid = 0] = pidsOf(options)
      expect(pid).toBeGreaterThan(0)
      await until(() => !isAlive(pid))
    }
  })

  it('by a signal to all its processes can still write back', async () => {
    const options = toldOptions()
    const end = await runTold(
      options,
      { end: 'stay' },
      {
        onOutput: (text, child) => {
          if (!text.includes('finished')) return
          // As a terminal does: the process of the stores first, then the program.
          for (const pid of pidsOf(options)) process.kill(pid, 'SIGINT')
          child.kill('SIGINT')
        },
      },
    )
    expect(end, end.stderr).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(options.path)[0]).toBe(99)
    expect(pidsOf(options)).toHaveLength(1)
  })
})

describe.each(['worker', 'process'] as const)('a store in a %s', (host) => {
  it.each(['log', 'write'])(
    'that writes lines (%s) is heard while the main thread waits for it',
    async (order) => {
      const end = await runTold(
        toldOptions(),
        { host, order, wait: 'touch' },
        {
          // The store never answers: the line is there while the main thread is blocked.
          onOutput: (text, child) => void (/^the store says/m.test(text) && child.kill('SIGKILL')),
        },
      )
      expect(end).toMatchObject({ signal: 'SIGKILL', timedOut: false, stdout: 'ready\n' })
      expect(end.stderr).toBe('the store says hello\n')
    },
  )

  it("gets the program's preloads", async () => {
    const options = toldOptions()
    const preload = 'data:text/javascript,globalThis.markOfThePreload = "here"'
    const end = await runTold(options, { host }, { nodeArgs: ['--import', preload] })
    expect(end).toMatchObject({ code: 0, stderr: '' })
    expect(reports(options)[0]).toMatchObject({ mark: 'here' })
  })
})

// Four deadlocks that paging in user space invites. Each program finishes, or somebody says on
// standard error, within seconds, what waits for what.

import { describe, expect, it } from 'vitest'
import { type ProgramEnd, runProgram } from './program.ts'
import { scratchFile } from './scratch.ts'

/** Runs a program until it ends or says that it stalls. */
function runUntilNamed(name: string, ...args: string[]): Promise<ProgramEnd> {
  return runProgram(name, {
    args,
    timeoutMs: 15_000,
    onOutput: (text, child) =>
      void (/^umap: store .* has not answered/m.test(text) && child.kill('SIGKILL')),
  })
}

function expectFinishedOrNamed(end: ProgramEnd, name: RegExp): void {
  expect(end.timedOut, `neither finished nor named; stderr: ${end.stderr}`).toBe(false)
  if (end.signal === 'SIGKILL') {
    expect(end.stderr).toMatch(name)
  } else {
    expect(end).toMatchObject({ code: 0, signal: null })
    expect(end.stdout).toContain('finished')
  }
}

describe('deadlocks', () => {
  it('of the thread pool with a store that needs it', async () => {
    expectFinishedOrNamed(await runUntilNamed('pool-deadlock'), /store \S+ has not answered/)
  })

  it('of a store that waits for the main thread', async () => {
    expectFinishedOrNamed(
      await runUntilNamed('output-deadlock', 'asks'),
      /store \S+ has not answered/,
    )
  })

  it('of a store that waits for its output cannot happen', async () => {
    const end = await runUntilNamed('output-deadlock', 'awaits-output')
    expect(end).toMatchObject({ code: 0, signal: null, timedOut: false })
    expect(end.stdout).toBe('the store waits for this\nfinished\n')
  })

  it('of a store that logs cannot happen, and its lines come at once', async () => {
    const end = await runUntilNamed('output-deadlock', 'logs')
    expect(end).toMatchObject({ code: 0, stdout: 'finished\n' })
    expect(end.stderr).toContain('the store says hello')
  })

  it('of the end of the process with a thread of the pool in a fault cannot happen', async () => {
    const end = await runProgram('exit-in-pool-fault', { args: [scratchFile(0)] })
    expect(end).toMatchObject({ code: 7, signal: null, timedOut: false })
  })
})

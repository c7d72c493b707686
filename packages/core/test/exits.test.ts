// Ends of threads and processes in the middle of faults, fills and write-backs: prompt, and without
// a crash. Each runs in a process of its own.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ProgramEnd, runProgram } from './program.ts'
import { scratchFile } from './scratch.ts'

const stores = ['file', 'memory']

function expectNoCrash(end: ProgramEnd): void {
  expect(end.timedOut, `still running; stderr: ${end.stderr}`).toBe(false)
  expect(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL'], end.stderr).not.toContain(end.signal)
}

describe.each(stores)('while threads work on a region over a %s store', (store) => {
  it('process.exit ends the process', async () => {
    const end = await runProgram('ending', { args: ['exit', store] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 7, signal: null })
  })

  it('an exception that nobody catches ends the process', async () => {
    const end = await runProgram('ending', { args: ['throw', store] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 1, signal: null })
    expect(end.stderr).toContain('nobody catches this')
  })

  it.each(['signal', 'block'])('SIGTERM ends the process (%s)', async (how) => {
    const end = await runProgram('ending', {
      args: [how, store],
      onOutput: (text, child) => void (text.includes('ready') && child.kill('SIGTERM')),
    })
    expectNoCrash(end)
    expect(end.signal).toBe('SIGTERM')
  })

  it('terminate ends the threads, and the region can be closed', async () => {
    const end = await runProgram('ending', { args: ['terminate', store] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 0, signal: null, stdout: 'ready\nclosed\n' })
  })

  it('a thread that ends before the process changes nothing', async () => {
    const end = await runProgram('ending', { args: ['exit-in-thread', store] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 7, signal: null })
  })
})

describe('a region that is still open when the process ends', () => {
  it.each(['exit', 'end'])('is written back (%s)', async (how) => {
    const file = scratchFile(50 * 4096 + 1)
    const end = await runProgram('not-closed', { args: [file, how] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(file).every((byte) => byte === 7)).toBe(true)
  })

  it.each(['read', 'write'])('does not keep the process alive (%s)', async (what) => {
    const end = await runProgram('idle-host', { args: [what] })
    expectNoCrash(end)
    // The engine would say what it could not write back.
    expect(end).toMatchObject({ code: 0, signal: null, stderr: '' })
    expect(end.stdout).toContain('end of the program')
  })

  it('and that process.exit leaves no time to write back is named once a region', async () => {
    const end = await runProgram('idle-host', { args: ['write', 'exit'] })
    expectNoCrash(end)
    expect(end).toMatchObject({ code: 0, signal: null })
    // It has three regions.
    expect(end.stderr).toMatch(/^(umap: changes to .*memory-store\.js are lost: [^\n]*\n){3}$/)
  })
})

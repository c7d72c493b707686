// Signals of others, in processes that take faults as signals: V8's traps, what somebody sends,
// profilers, and threads that are told to end while they wait.

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { probe } from '@umap/native'
import { describe, expect, it } from 'vitest'
import { type ProgramOptions, runProgram } from './program.ts'
import { scratchFolder } from './scratch.ts'

// The in-thread way needs userfaultfd; where that is refused there is nothing to test of it.
const hasInThread = probe().faults.ways.some(({ mode, works }) => mode === 'in-thread' && works)

/** The program's end, without the warning that system calls on absent pages fail. */
async function run(what: string, faults: string, options: ProgramOptions = {}) {
  const args = [what, faults, scratchFolder()]
  const end = await runProgram('foreign-signals', { args, ...options })
  return { ...end, stderr: end.stderr.replace(/^umap: faults arrive by signals.*\n/, '') }
}

describe.each(['signal', ...(hasInThread ? ['in-thread'] : [])])(
  'where faults are %s',
  (faults) => {
    it('a WebAssembly access out of bounds throws', async () => {
      const end = await run('trap', faults)
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '' })
      expect(end.stdout).toBe('RuntimeError: memory access out of bounds\nwrong 0\n')
    })

    it('it throws when the thread that mapped a region has gone, too', async () => {
      const end = await run('unload', faults)
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '' })
      expect(end.stdout).toBe('RuntimeError: memory access out of bounds\n'.repeat(3))
    })

    it.each(['SIGSEGV', 'SIGBUS'])('%s that somebody sends ends the process', async (signal) => {
      const end = await run(signal, faults)
      expect(end).toMatchObject({ code: null, signal, timedOut: false, stderr: '' })
    })

    it('a listener hears what somebody sends, and no fault', async () => {
      const end = await run('listen', faults)
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'heard 1 wrong 0\n' })
    })

    it('threads of the pool touch absent pages', async () => {
      const end = await run('compress', faults)
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'wrong 0\n' })
    })

    it('a profiler interrupts faults, and disturbs none', async () => {
      const folder = scratchFolder()
      const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200']
      const end = await run('profile', faults, { nodeArgs })
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'wrong 0\n' })
      const [name] = readdirSync(folder)
      const profile = JSON.parse(readFileSync(path.join(folder, String(name)), 'utf8'))
      const functions = profile.nodes.map(
        (node: { callFrame: { functionName: string } }) => node.callFrame.functionName,
      )
      expect(functions).toContain('touchAll')
    })

    it('a thread that waits for a page can be told to end', async () => {
      const end = await run('terminate', faults)
      expect(end).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'ended 1\npage 0\n' })
    })
  },
)

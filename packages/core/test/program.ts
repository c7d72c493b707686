// Runs the programs of test/programs/ as processes of their own, for what would end or block the
// process that runs the tests.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { withoutWarning } from './fault-ways.ts'

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** The time limit came first. */
  readonly timedOut: boolean
}

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
  readonly timeoutMs?: number
  /** Called with every piece of standard error or output; may send signals. */
  readonly onOutput?: (text: string, child: ChildProcess) => void
}

/** Runs `test/programs/NAME.mjs` to its end, or kills it when its time is over. */
export function runProgram(name: string, options: ProgramOptions = {}): Promise<ProgramEnd> {
  const file = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url))
  const { args = [], env = {}, nodeArgs = [], timeoutMs = 20_000, onOutput } = options
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr, timedOut] = ['', '', false]
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, timeoutMs)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onOutput?.(text, child)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    onOutput?.(text, child)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout, stderr: withoutWarning(stderr), timedOut })
    })
  })
}

// Runs the programs of test/programs/ as processes of their own, for what would end or block the
// process that runs the tests.

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const faultWarning = /^umap: faults arrive by .*\n/gm

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  /** Without `faultWarnings`. */
  readonly stderr: string
  /** What a program says once where system calls on absent pages fail. */
  readonly faultWarnings: readonly string[]
  /** The time limit came first. */
  readonly timedOut: boolean
}

/** Options of {@link runProgram}. */
export interface ProgramOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
  /** A program, with its arguments, that starts Node: one that takes rights away, say. */
  readonly wrapper?: readonly string[]
  readonly timeoutMs?: number
  /** Called with every piece of standard error or output; may send signals. */
  readonly onOutput?: (text: string, child: ChildProcess) => void
}

/** Runs `test/programs/NAME.mjs` to its end, or kills it when its time is over. */
export function runProgram(name: string, options: ProgramOptions = {}): Promise<ProgramEnd> {
  const file = fileURLToPath(new URL(`./programs/${name}.mjs`, import.meta.url))
  const { args = [], env = {}, nodeArgs = [], timeoutMs = 20_000, onOutput } = options
  const command = [...(options.wrapper ?? []), process.execPath, ...nodeArgs, file, ...args]
  const child = spawn(command[0] as string, command.slice(1), {
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
      const faultWarnings = stderr.match(faultWarning) ?? []
      const rest = stderr.replaceAll(faultWarning, '')
      resolve({ code, signal, stdout, stderr: rest, faultWarnings, timedOut })
    })
  })
}

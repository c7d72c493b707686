// Runs `umap cp` in child processes, with files and a journal of one test in a directory of its
// own.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { type Ended, mainPath } from './run-umap.ts'

/** How a copy ended. */
export interface CopyEnded extends Ended {
  readonly signal: string | null
}

/** A directory for one test, and the command in it. */
export interface Workplace {
  readonly directory: string
  /** The path of a file in it. */
  path(name: string): string
  /** Runs `umap cp`; `env` is added to the environment. */
  cp(args: readonly string[], options?: RunOptions): Promise<CopyEnded>
  /** Names of the journals that are there. */
  journals(): string[]
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Given the process, to send it a signal. */
  readonly onStart?: (child: ChildProcess) => void
}

const root = mkdtempSync(path.join(tmpdir(), 'umap-cp-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A new directory, removed after the tests. */
export function makeWorkplace(): Workplace {
  const directory = mkdtempSync(path.join(root, 'test-'))
  const state = path.join(directory, 'state')
  const journalFolder = path.join(state, 'umap', 'cp')
  return {
    directory,
    path: (name) => path.join(directory, name),
    cp: (args, options) => runCp(directory, state, args, options),
    journals: () => (existsSync(journalFolder) ? readdirSync(journalFolder) : []),
  }
}

async function runCp(
  directory: string,
  state: string,
  args: readonly string[],
  { env = {}, onStart = () => {} }: RunOptions = {},
): Promise<CopyEnded> {
  const child = spawn(process.execPath, [mainPath, 'cp', ...args], {
    cwd: directory,
    env: { ...process.env, XDG_STATE_HOME: state, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onStart(child)
  const [[code, signal], stdout, stderr] = await Promise.all([
    once(child, 'exit') as Promise<[number | null, string | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, signal, stdout, stderr }
}

/** Inline JSON for one of the stores beside these tests. */
export function testStore(name: string, options: object): string {
  const module = fileURLToPath(new URL(`stores/${name}.mjs`, import.meta.url))
  return JSON.stringify({ module, options })
}

// Runs one of the built programs in a process of its own, with a temporary directory of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

/** How a program ended. */
export interface Outcome {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Makes one directory for a test file, and removes it after its tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'umap-examples-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

// What a machine whose system calls do not fill absent pages is told, once a process.
const waysWarning = /^umap: faults arrive by .*\n/m

/**
 * Runs `dist/${program}` until it ends; `directory` is its `TMPDIR`. `onStart` is given the
 * process, to send it a signal.
 */
export async function runProgram(
  program: string,
  args: string[],
  directory: string,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<Outcome> {
  const file = fileURLToPath(new URL(`../dist/${program}`, import.meta.url))
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onStart(child)
  const [[exitCode, signal], stdout, stderr] = await Promise.all([
    once(child, 'exit') as Promise<[number | null, string | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { exitCode, signal, stdout, stderr: stderr.replace(waysWarning, '') }
}

// Runs the built `umap` command in a child process, as a shell would.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The command's entry, as `bin` in package.json names it. */
export const mainPath = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** How a child ended, and what it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. */
export function runProgram(program: string, args: readonly string[], options: object = {}): Ended {
  const child = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000, ...options })
  if (child.error !== undefined) throw child.error
  return { code: child.status, stdout: String(child.stdout), stderr: String(child.stderr) }
}

/** Runs `umap` with these arguments. */
export function runUmap(...args: string[]): Ended {
  return runProgram(process.execPath, [mainPath, ...args])
}

/**
 * A program that runs another one under a seccomp filter against userfaultfd; its first argument is
 * what to refuse. Compiled into a folder of its own, which the caller removes.
 */
export function makeFilter(): { program: string; folder: string } {
  const source = fileURLToPath(
    new URL('../../native/test/programs/refuse_userfaultfd.c', import.meta.url),
  )
  const folder = mkdtempSync(join(tmpdir(), 'umap-doctor-'))
  const program = join(folder, 'refuse-userfaultfd')
  execFileSync(process.env.CC ?? 'gcc', ['-O2', '-o', program, source])
  return { program, folder }
}

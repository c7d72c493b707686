// Programs that start another one with less than this process may do, for tests of what a machine
// may refuse. Nothing of this process changes.

import { execFileSync, spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(
  new URL('../../native/test/programs/refuse_userfaultfd.c', import.meta.url),
)

/** What the filter refuses; see packages/native/test/programs. */
export type Refusal = 'all' | 'missing' | 'kernel-faults'

/** Compiles the filter program into `folder`; a string says why it cannot be used here. */
export function makeFilter(folder: string): ((refusal: Refusal) => string[]) | string {
  const program = path.join(folder, 'refuse-userfaultfd')
  execFileSync(process.env.CC ?? 'gcc', ['-O2', '-o', program, source])
  const tried = spawnSync(program, ['all', 'true'], { encoding: 'utf8' })
  if (tried.status !== 0) {
    return `no seccomp filter can be installed: ${tried.stderr}`
  }
  return (refusal) => [program, refusal]
}

// Takes from a command what a machine of a user may lack: userfaultfd (by a seccomp filter, which
// needs no privilege), and root. Everything here starts programs; nothing of this process changes.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { nodeEnvironment, pinnedNode, root, run } from './child.mjs'

/** What the filter can refuse; see refuse_userfaultfd.c. */
export const refusals = ['all', 'missing', 'kernel-faults']

/**
 * @typedef {object} Confinement
 * @property {string} [refuse] one of `refusals`; nothing is refused without it
 * @property {boolean} [asNobody] the command runs as user nobody, where this process is root's
 */

const source = join(root, 'packages/native/test/programs/refuse_userfaultfd.c')
const filterProgram = join(root, 'node_modules/.cache/umap/refuse_userfaultfd')
const nobody = 65534

/**
 * The program that installs the filter, compiled where that was not done yet. Throws where it does
 * not compile.
 */
function requireFilterProgram() {
  const isFresh =
    existsSync(filterProgram) && statSync(filterProgram).mtimeMs >= statSync(source).mtimeMs
  if (isFresh) return filterProgram
  mkdirSync(dirname(filterProgram), { recursive: true })
  // Under a name of its own first: another process may be doing the same.
  const fresh = `${filterProgram}.${process.pid}`
  execFileSync(process.env.CC ?? 'gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', fresh, source])
  renameSync(fresh, filterProgram)
  return filterProgram
}

/**
 * Says why this machine cannot confine a command like that, or undefined where it can.
 * @param {Confinement} confinement
 */
export function findObstacle({ refuse, asNobody = false }) {
  if (refuse !== undefined) {
    const tried = spawnSync(requireFilterProgram(), [refuse, 'true'], { encoding: 'utf8' })
    if (tried.status !== 0) return `no seccomp filter can be installed (${tried.stderr.trim()})`
  }
  if (asNobody && process.getuid?.() === 0) {
    const node = pinnedNode()
    const file = join(root, 'scripts/child.mjs')
    const tried = spawnSync(node, ['--check', file], { cwd: '/', uid: nobody, gid: nobody })
    if (tried.status !== 0) return `user nobody may not read ${root}`
  }
  return undefined
}

/**
 * Runs a command, confined, from the repository's root; resolves to its exit code.
 * @param {string} program
 * @param {string[]} args
 * @param {Confinement} confinement
 * @param {NodeJS.ProcessEnv} [variables] of its environment, beside ours
 */
export async function runConfined(program, args, { refuse, asNobody = false }, variables = {}) {
  const command = [program, ...args]
  if (refuse !== undefined) command.unshift(requireFilterProgram(), refuse)
  const [file = program, ...rest] = command
  const env = { ...nodeEnvironment(), ...variables }
  if (!asNobody || process.getuid?.() !== 0) return run(file, rest, { env })
  // Somebody whose home and temporary directory are not theirs gets nowhere.
  const home = mkdtempSync(join(tmpdir(), 'umap-nobody-'))
  try {
    chownSync(home, nobody, nobody)
    const own = { ...env, HOME: home, TMPDIR: home, USER: 'nobody', LOGNAME: 'nobody' }
    return await run(file, rest, { env: own, uid: nobody, gid: nobody })
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  }
}

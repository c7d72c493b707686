// Starts the commands that the repository's scripts are made of: always under the pinned Node,
// with output passed through, from the repository root. Plain JavaScript without dependencies,
// because it also runs before `npm ci`, on whatever Node the machine has.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const binDirectory = join(root, 'node_modules/.bin')

/** The Node that the lock file pins; the running one where npm has no binary for the platform. */
export function pinnedNode() {
  const pinned = join(binDirectory, 'node')
  return existsSync(pinned) ? pinned : process.execPath
}

/**
 * The environment in which a bare `node` is `node`, in children of children too.
 * @param {string} [node]
 * @returns {NodeJS.ProcessEnv}
 */
export function nodeEnvironment(node = pinnedNode()) {
  return { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) }
}

/**
 * Runs a program to its end and resolves to the exit code a shell would report. Signals that ask
 * for an end are passed on, so that no child outlives the script.
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: 'inherit',
      env: nodeEnvironment(),
      ...options,
    })
    const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal)
    // A terminal sends SIGINT to the child as well: here it only must not end us first.
    const ignore = () => {}
    process.on('SIGTERM', forward).on('SIGHUP', forward).on('SIGINT', ignore)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGTERM', forward).off('SIGHUP', forward).off('SIGINT', ignore)
      if (signal !== null) console.error(`${program} was ended by ${signal}`)
      resolve(code ?? 1)
    })
  })
}

/**
 * Runs a JavaScript file under the pinned Node.
 * @param {string} file relative to the root
 * @param {string[]} [args]
 */
export function runNode(file, args = []) {
  return run(pinnedNode(), ['--enable-source-maps', file, ...args])
}

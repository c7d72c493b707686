// Builds the addon with node-gyp. As the install script of a dependency it never fails: where the
// addon cannot be built, one line says why, and umap() later fails with UMAP_UNSUPPORTED.
// With --required (the repository's own build) a failure is a failure and shows the compiler.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const required = process.argv.includes('--required')

/** The file to run as node-gyp: a package beside us, else the one that npm carries. */
function findNodeGyp() {
  try {
    return createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  } catch {
    return process.env.npm_config_node_gyp
  }
}

/**
 * The directory whose include/node belongs to the Node that runs this, so that no headers have
 * to be downloaded; undefined leaves the search to node-gyp.
 */
function findNodeHeaders() {
  const prefix = dirname(dirname(process.execPath))
  return existsSync(join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

/** The environment without npm settings that node-gyp would prefer to its own arguments. */
function buildEnvironment() {
  const names = Object.keys(process.env).filter(
    (name) => !/^npm_(package_config_node_gyp|config)_(nodedir|dist_?url|target)$/i.test(name),
  )
  return Object.fromEntries(names.map((name) => [name, process.env[name]]))
}

/** Builds the addon; returns why it could not, or undefined. */
function build() {
  if (process.platform !== 'linux') return `it needs Linux, and this is ${process.platform}`
  const nodeGyp = findNodeGyp()
  if (nodeGyp === undefined || !existsSync(nodeGyp)) return 'node-gyp was not found'

  const args = [nodeGyp, 'configure', 'build', '--loglevel=error', '--jobs=max']
  const headers = findNodeHeaders()
  if (headers !== undefined) args.push(`--nodedir=${headers}`)
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    env: buildEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (result.error !== undefined) return result.error.message
  if (result.status === 0) return undefined
  if (required) process.stderr.write(result.stdout + result.stderr)
  const lines = result.stderr.split('\n')
  return (
    lines.find((line) => /error|ERR!/i.test(line))?.trim() ?? `node-gyp ended with ${result.status}`
  )
}

/** True in the repository itself, where scripts/prepare.mjs builds, with the pinned Node. */
function isInsideRepository() {
  return existsSync(join(root, '../../scripts/prepare.mjs'))
}

if (required || !isInsideRepository()) {
  const reason = build()
  if (reason !== undefined) {
    console.error(
      `@umap/native: the engine was not built: ${reason}. It needs Linux, python3, make and g++.`,
    )
    process.exitCode = required ? 1 : 0
  }
}

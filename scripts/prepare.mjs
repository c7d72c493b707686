// Makes a fresh clone ready, and a stale one up to date: dependencies, engine, TypeScript. Every
// npm script that needs a build calls it first; where nothing is to do it says nothing and takes
// a fraction of a second. Runs on any Node from 20 on, before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeEnvironment, pinnedNode, root, run, runNode } from './child.mjs'

const nativeDirectory = join(root, 'packages/native')
const addon = join(nativeDirectory, 'build/Release/umap.node')

/** Brings everything up to date; rejects with a message that says what to do. */
export async function prepare() {
  requireTools()
  if (!isInstalled()) await install()
  if (!isAddonFresh()) await buildAddon()
  const code = await runNode('node_modules/typescript/bin/tsc', ['-b', 'tsconfig.build.json'])
  if (code !== 0) throw new Error('the TypeScript sources do not compile')
}

/** Checks for what npm cannot install. */
function requireTools() {
  if (process.platform !== 'linux') {
    throw new Error(`the engine works on Linux only, and this is ${process.platform}`)
  }
  const missing = ['python3', 'make', 'g++'].filter((tool) => !isOnPath(tool))
  if (missing.length > 0) {
    const remedy = `apt-get install -y ${missing.join(' ')}`
    throw new Error(`missing ${missing.join(', ')}: install with \`${remedy}\` (Debian, Ubuntu)`)
  }
}

/** @param {string} tool */
function isOnPath(tool) {
  const directories = (process.env.PATH ?? '').split(delimiter)
  return directories.some((directory) => existsSync(join(directory, tool)))
}

/** True when node_modules holds exactly what the lock file names, by npm's own record of it. */
function isInstalled() {
  const wanted = readPackages('package-lock.json')
  const present = readPackages('node_modules/.package-lock.json')
  if (wanted === undefined || present === undefined) return false
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || !path.includes('node_modules/')) return true
    const found = present[path]
    if (found === undefined) return entry.optional === true || entry.peer === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean, peer?: boolean }> | undefined}
 */
function readPackages(lockFile) {
  const path = join(root, lockFile)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined
}

async function install() {
  console.log('installing dependencies (npm ci)')
  // Not the pinned Node, which this replaces: the one that npm itself was started with.
  const npm = process.env.npm_execpath
  const node = process.env.npm_node_execpath
  // No dependency needs an install script: better-sqlite3 brings its binaries, and would be
  // compiled all the same, against headers that have to be fetched.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const env = { ...process.env }
  const code =
    npm !== undefined && node !== undefined
      ? await run(node, [npm, ...args], { env })
      : await run('npm', args, { env })
  if (code !== 0) throw new Error('npm ci failed')
}

/** True when the addon is newer than every file and folder it is made of. */
function isAddonFresh() {
  if (!existsSync(addon)) return false
  const built = statSync(addon).mtimeMs
  const inputs = ['src', 'binding.gyp', 'install.mjs', 'list-sources.mjs']
  return inputs.every((input) => newestMs(join(nativeDirectory, input)) <= built)
}

/**
 * The latest change under a path. Folders count too, so that a deleted file is a change.
 * @param {string} path
 * @returns {number}
 */
function newestMs(path) {
  const status = statSync(path)
  if (!status.isDirectory()) return path.endsWith('.ts') ? 0 : status.mtimeMs
  const inside = readdirSync(path).map((name) => newestMs(join(path, name)))
  return Math.max(status.mtimeMs, ...inside)
}

async function buildAddon() {
  console.log('building the engine (node-gyp)')
  const started = new Date()
  const result = spawnSync(pinnedNode(), ['packages/native/install.mjs', '--required'], {
    cwd: root,
    stdio: 'inherit',
    env: nodeEnvironment(),
  })
  if (result.status !== 0) throw new Error('the engine does not compile')
  // The time of the start, so that a source saved during the build counts as newer.
  utimesSync(addon, started, started)
}

/** Runs `prepare`, and ends the process with its message in one line where it fails. */
export async function prepareOrExit() {
  try {
    await prepare()
  } catch (error) {
    console.error(`umap: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await prepareOrExit()

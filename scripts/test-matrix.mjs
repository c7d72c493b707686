// `npm run test:matrix [-- VITEST-ARG…]`: the TypeScript tests under each Node that the library
// supports, oldest first, with the one addon that the pinned Node built. The Nodes come from npm
// into node_modules/.cache on first use and not with the normal install.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeEnvironment, root, run } from './child.mjs'
import { prepareOrExit } from './prepare.mjs'

// The oldest that package.json allows, then the newest of each later line.
const versions = ['20.19.0', '22.23.3', '24.21.0', '26.10.0']

/**
 * Installs a Node and returns its path.
 * @param {string} version
 */
async function fetchNode(version) {
  const name = `node-linux-${process.arch}`
  const directory = join(root, 'node_modules/.cache/nodes', version)
  const node = join(directory, 'node_modules', name, 'bin/node')
  if (existsSync(node)) return node

  console.log(`fetching Node ${version}`)
  mkdirSync(directory, { recursive: true })
  // A package of its own, so that npm does not take the folder for a part of this one.
  writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
  const args = ['install', '--no-package-lock', '--loglevel=error', '--prefix', directory]
  const code = await run('npm', [...args, `${name}@${version}`], { cwd: directory })
  if (code !== 0) throw new Error(`Node ${version} could not be fetched`)
  return node
}

/** @param {string} version */
async function testUnder(version) {
  const node = await fetchNode(version)
  console.log(`\n== Node ${version}`)
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = ['--enable-source-maps', vitest, 'run', ...process.argv.slice(2)]
  return run(node, args, { env: nodeEnvironment(node) })
}

await prepareOrExit()
/** @type {string[]} */
const failed = []
for (const version of versions) {
  if ((await testUnder(version)) !== 0) failed.push(version)
}
console.log(`\n${versions.length - failed.length} of ${versions.length} Node versions passed`)
if (failed.length > 0) {
  console.error(`umap: tests failed under Node ${failed.join(', ')}`)
  process.exitCode = 1
}

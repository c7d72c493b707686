// The install script of the published package: where the engine cannot be built it says so in a
// line and succeeds, so that npm goes on and the stores can be used.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const here = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js')

/** The package as npm unpacks it, away from the repository, and with its dependency. */
function unpack(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'umap-install-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['src', 'binding.gyp', 'install.mjs', 'list-sources.mjs', 'package.json']) {
    cpSync(path.join(here, name), path.join(folder, name), { recursive: true })
  }
  mkdirSync(path.join(folder, 'node_modules'))
  const addonApi = path.dirname(require.resolve('node-addon-api/package.json'))
  symlinkSync(addonApi, path.join(folder, 'node_modules/node-addon-api'))
  return folder
}

function install(nodeArgs: string[], env: Record<string, string>) {
  const folder = unpack()
  const { status, stderr } = spawnSync(process.execPath, [...nodeArgs, 'install.mjs'], {
    cwd: folder,
    env: { ...process.env, npm_config_node_gyp: nodeGyp, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stderr, isBuilt: existsSync(path.join(folder, 'build/Release/umap.node')) }
}

const platformIs = (name: string) =>
  `data:text/javascript,Object.defineProperty(process,'platform',{value:'${name}'})`

it.each([
  ['a compiler that fails', [], { CXX: 'false', CC: 'false' }, /not built: \S/],
  ['no compiler', [], { CXX: '/no/such/compiler', CC: '/no/such/compiler' }, /not built: \S/],
  ['no node-gyp', [], { npm_config_node_gyp: '/no/such/file' }, /node-gyp was not found/],
  ['no python', [], { PYTHON: '/no/such/python', PATH: '/nowhere' }, /not built: \S/],
  ['macOS', ['--import', platformIs('darwin')], {}, /needs Linux, and this is darwin/],
  ['Windows', ['--import', platformIs('win32')], {}, /needs Linux, and this is win32/],
])('with %s the installation succeeds and says why there is no engine', (_, args, env, message) => {
  const { status, stderr, isBuilt } = install(args, env)
  expect({ status, isBuilt }).toEqual({ status: 0, isBuilt: false })
  expect(stderr).toMatch(/^@umap\/native: the engine was not built: .*\n$/)
  expect(stderr).toMatch(message)
})

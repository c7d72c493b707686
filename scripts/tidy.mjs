// `npm run tidy`: what a reviewer should not have to say. Formatting and lint (biome), types (tsc),
// and the rules of scripts/tidy/ over every file that git knows or would add. Each finding is a
// line `file:line: why`; the exit code is 1 when there is one.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runNode } from './child.mjs'
import { checkCppIncludes } from './tidy/cpp-includes.mjs'
import { checkName } from './tidy/file-names.mjs'
import { checkText } from './tidy/file-text.mjs'
import { checkImports } from './tidy/package-imports.mjs'

/** Paths that git tracks or would add and that exist, relative to the root. */
function listFiles() {
  // A clone that belongs to another user, as in a container, is read all the same.
  const args = [
    '-c',
    'safe.directory=*',
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
  ]
  const listed = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`)
  return listed.stdout.split('\0').filter((path) => path !== '')
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch (error) {
    // Deleted, but not yet in git.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw error
  }
}

/** The package.json of each workspace, by its folder. */
function readManifests() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return new Map(
    workspaces.map((/** @type {string} */ folder) => [
      folder,
      JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')),
    ]),
  )
}

/** @returns {string[]} findings, each a line */
function checkFiles() {
  const manifests = readManifests()
  return listFiles().flatMap((path) => {
    const text = readText(path)
    if (text === undefined || text.includes('\0')) return []
    const findings = [
      ...checkName(path),
      ...checkText(path, text),
      ...checkImports(path, text, manifests),
      ...checkCppIncludes(path, text),
    ]
    return findings.map(({ line, why }) => `${path}:${line}: ${why}`)
  })
}

const findings = checkFiles()
for (const finding of findings) console.error(finding)
const codes = [
  findings.length === 0 ? 0 : 1,
  await runNode('node_modules/@biomejs/biome/bin/biome', ['check', '--error-on-warnings']),
  await runNode('node_modules/typescript/bin/tsc', ['-b']),
]
process.exitCode = codes.some((code) => code !== 0) ? 1 : 0

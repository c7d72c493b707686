// `umap new-store`: what it makes passes its own tests, as a user would run them; what it refuses.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { mainPath, runProgram } from './run-umap.ts'

const root = mkdtempSync(path.join(tmpdir(), 'umap-new-store-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const conformanceTs = 'conformance.test.ts'
const conformanceJs = 'conformance.test.mjs'
const clone = fileURLToPath(new URL('../../../', import.meta.url))
const umap = (...args: string[]) => runProgram(process.execPath, [mainPath, ...args], { cwd: root })

/** What `npm install` would do, with the packages of this clone. */
function install(directory: string): void {
  const modules = path.join(directory, 'node_modules')
  for (const scope of ['@umap', '@types', '.bin']) {
    mkdirSync(path.join(modules, scope), { recursive: true })
  }
  symlinkSync(path.join(clone, 'packages/store'), path.join(modules, '@umap/store'))
  symlinkSync(path.join(clone, 'packages/store-testkit'), path.join(modules, '@umap/store-testkit'))
  for (const name of ['@types/node', 'typescript', '.bin/tsc']) {
    symlinkSync(path.join(clone, 'node_modules', name), path.join(modules, name))
  }
}

function npmTest(directory: string) {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, VITEST: ___, ...env } = process.env
  // The Node that runs these tests, not another one that may come first.
  const PATH = `${path.dirname(process.execPath)}${path.delimiter}${env.PATH}`
  const options = { cwd: directory, encoding: 'utf8', env: { ...env, PATH } } as const
  return spawnSync('npm', ['test'], { ...options, timeout: 60_000 })
}

describe('umap new-store', () => {
  it.each([
    ['tape-robot-store', [], 'tapeRobotStore', 'tape-robot-store.ts'],
    ['punch-cards', ['--js'], 'punchCardsStore', 'punch-cards.mjs'],
  ])('makes %s, whose tests pass at once', { timeout: 90_000 }, (name, options, factory, file) => {
    const made = umap('new-store', ...options, name)
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toContain(`cd ${name}\n  npm install\n  npm test`)
    const directory = path.join(root, name)
    const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    const texts = files
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8'))
    expect(texts.join('\n')).not.toMatch(/sample/i)
    expect(existsSync(path.join(directory, 'src', file))).toBe(true)
    expect(existsSync(path.join(directory, '.gitignore'))).toBe(true)
    expect(texts.join('\n')).toContain(`export function ${factory}(`)

    // As it is, save that a kill of each kind will do: each one takes a process.
    const test = path.join(directory, 'test', options.length > 0 ? conformanceJs : conformanceTs)
    const text = readFileSync(test, 'utf8')
    const quicker = text.replace(/^ {2}ref: /m, '  kills: 1,\n$&')
    expect(quicker).not.toBe(text)
    writeFileSync(test, quicker)
    install(directory)
    const tested = npmTest(directory)
    expect(tested.status, tested.stdout + tested.stderr).toBe(0)
    const passed = Number(/^(?:#|ℹ) pass (\d+)$/m.exec(tested.stdout)?.[1])
    expect(passed).toBeGreaterThan(40)
  })

  it('has-tests-that-fail-where-the-store-is-wrong', { timeout: 60_000 }, () => {
    expect(umap('new-store', '--js', 'broken').code).toBe(0)
    const directory = path.join(root, 'broken')
    const file = path.join(directory, 'src', 'broken.mjs')
    const text = readFileSync(file, 'utf8')
    const wrong = text.replace('block.set(bytes, part.start)', 'block.set(bytes, 0)')
    expect(wrong).not.toBe(text)
    writeFileSync(file, wrong)
    // It need not be killed to be found out.
    const test = path.join(directory, 'test', conformanceJs)
    writeFileSync(test, readFileSync(test, 'utf8').replace(/^ {2}ref: .*$/m, ''))
    install(directory)
    expect(npmTest(directory).status).toBe(1)
  })

  it('overwrites-nothing', () => {
    mkdirSync(path.join(root, 'there'))
    const ended = umap('new-store', 'there')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/^umap: .*there is there already\numap: choose another name/)
    expect(readdirSync(path.join(root, 'there'))).toEqual([])
  })

  it.each([
    [[], 'new-store needs NAME'],
    [['a', 'b'], "new-store takes one NAME, not 'b' too"],
    [['store'], "NAME must say which store it is, not 'store'"],
    ...['../up', 'Upper', 'a--b', '1a', 'a/b', '@me/a', 'a'.repeat(101)].map(
      (name): [string[], string] => [
        [name],
        `NAME must be lower case letters, digits and single hyphens, a letter first, not '${name}'`,
      ],
    ),
  ])('refuses %j', (args, message) => {
    const ended = umap('new-store', ...args)
    expect(ended).toEqual({ code: 2, stdout: '', stderr: `umap: ${message} (see umap --help)\n` })
  })
})

// Workers of a cluster that share one served data set: right answers, from all of them, and pages
// that are in memory once.

import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { runProgram, temporaryDirectory } from './run-program.ts'

const directory = temporaryDirectory()

it('workers-of-a-cluster-share-the-pages-of-one-data-set', async () => {
  const file = path.join(directory, 'sales')
  const { stdout, stderr, exitCode } = await runProgram(
    'cluster-queries.js',
    [file, '3', '600'],
    directory,
  )
  expect(stderr).toBe('')
  expect(exitCode, stdout).toBe(0)
  const answered = [...stdout.matchAll(/^worker (\d+) answered (\d+) queries$/gm)]
  expect(answered).toHaveLength(3)
  expect(answered.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(600)
  const [, mapped, once] =
    /^all maps together (\S+) MiB, memory counted once (\S+) MiB$/m.exec(stdout) ?? []
  // The buffer holds 8 MiB; without sharing each worker would have its own.
  expect(Number(once)).toBeGreaterThan(1)
  expect(Number(once)).toBeLessThanOrEqual(8.5)
  expect(Number(mapped)).toBeGreaterThan(1.5 * Number(once))
  expect(Number(/(\d+) evictions/.exec(stdout)?.[1])).toBeGreaterThan(0)
  expect(existsSync(`${file}.socket`)).toBe(false)
}, 60_000)

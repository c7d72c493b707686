// The demo at a small scale: a 32 MiB file through a 4 MiB buffer, and the public data set.

import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runProgram, temporaryDirectory } from './run-program.ts'

const directory = temporaryDirectory()

describe('demo', { timeout: 120_000 }, () => {
  it('sorts-and-verifies-in-place-and-answers-from-the-data-set', async () => {
    const outcome = await runProgram('demo/main.js', ['--mebibytes', '32'], directory)
    expect(outcome.stderr).toBe('')
    expect(outcome.exitCode).toBe(0)
    const lines = outcome.stdout.split('\n')
    const lineOf = (task: string) => lines.find((line) => line.startsWith(task)) ?? ''
    const written = /checksum (\w{16} over 2097152 records)/.exec(lineOf('write records:'))?.[1]
    expect(written).toBeDefined()
    expect(lineOf('sort in place:')).toContain('32 MiB through 4 MiB, 2097152 records')
    expect(lineOf('check through a mapping:')).toContain(`sorted, checksum ${written}`)
    expect(lineOf('check the file itself:')).toContain(`sorted, checksum ${written}`)
    expect(outcome.stdout).toMatch(/\(Arrow\): 23:00 to 23:59, 35\.2 minutes on average/)
    expect(outcome.stdout).toMatch(/\(Parquet\): JFK, 12\.3 minutes on average/)
    expect(lineOf('page buffer')).toMatch(/4 MiB +4 MiB +512 KiB +2 MiB/)
    expect(lineOf('hit share')).toMatch(/99\.\d+ % +99\.\d+ %/)
    expect(readdirSync(directory)).toEqual([])
  })

  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`leaves-nothing-behind-when-it-gets-${signal}-in-the-sort`, async () => {
      const outcome = await runProgram('demo/main.js', ['--mebibytes', '128'], directory, (child) =>
        child.stdout?.once('data', () => child.kill(signal)),
      )
      expect(outcome.stderr).toBe(`umap demo: interrupted by ${signal}\n`)
      expect(outcome.stdout).not.toContain('all of it in')
      expect(outcome).toMatchObject({ exitCode, signal: null })
      expect(readdirSync(directory)).toEqual([])
    })
  }

  it('refuses-a-bad-size-with-its-usage', async () => {
    for (const size of ['0', '1.5', '4097', 'all']) {
      const outcome = await runProgram('demo/main.js', ['--mebibytes', size], directory)
      expect(outcome.stderr).toContain(`--mebibytes is an integer from 1 to 4096, not ${size}`)
      expect(outcome.stderr).toContain('usage: npm run demo')
      expect(outcome.exitCode).toBe(2)
    }
  })
})

// The benchmark as it is called: rows of the right shape, wrong bytes caught, nothing left behind.
// What the figures are is no business of a test.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { probe } from '@umap/native'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { buildNativePrograms } from '../src/native-program.ts'

const main = path.join(import.meta.dirname, '../dist/main.js')

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-bench-test-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function start(args: string[]): ChildProcess & { stdout: NodeJS.ReadableStream } {
  return spawn(process.execPath, [main, ...args], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function run(args: string[]): Promise<{ exitCode: number; stdout: string }> {
  const child = start(args)
  const [[exitCode], stdout] = await Promise.all([once(child, 'exit'), text(child.stdout)])
  return { exitCode, stdout }
}

describe('the benchmark', () => {
  test('rows-have-the-agreed-shape', { timeout: 180_000 }, async (context) => {
    const lacking = probe().faults.ways.find(({ works }) => !works)
    if (lacking !== undefined) context.skip(`${lacking.mode} cannot be had here: ${lacking.reason}`)
    const json = path.join(directory, 'rows.json')
    const args = ['fault', 'random', 'scan', '--quick', '--runs', '1', '--json', json]
    const { exitCode, stdout } = await run(args)
    expect(exitCode).toBe(0)
    const rows = JSON.parse(readFileSync(json, 'utf8'))
    expect(rows.map(({ scenario }: { scenario: string }) => scenario)).toEqual([
      ...Array(48).fill('fault'),
      ...Array(26).fill('random'),
      ...Array(6).fill('scan'),
    ])
    for (const row of rows) {
      expect(row).toEqual({
        scenario: expect.any(String),
        case: expect.any(String),
        ours: expect.any(Number),
        peer: expect.any(Number),
        peerName: expect.any(String),
        unit: expect.any(String),
        ratio: expect.any(Number),
        runs: 1,
      })
      const better = row.unit === 'µs' ? row.peer / row.ours : row.ours / row.peer
      expect(row.ratio).toBe(better)
      expect(stdout).toContain(row.case)
    }
    expect(readdirSync(directory)).toEqual(['rows.json'])
  })

  test('interrupted-benchmark-leaves-nothing', { timeout: 120_000 }, async () => {
    const child = start(['random', '--quick'])
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    child.stdout.resume()
    const [exitCode] = await once(child, 'exit')
    expect(exitCode).toBe(143)
    expect(readdirSync(directory)).toEqual([])
  })

  test('unknown-scenario-is-bad-usage', async () => {
    expect((await run(['nonsense'])).exitCode).toBe(2)
    expect((await run(['fault', '--runs', '0'])).exitCode).toBe(2)
  })

  test('wrong-bytes-fail-the-run', { timeout: 180_000 }, () => {
    const nativeProgram = buildNativePrograms()
    const file = path.join(directory, 'data')
    writeFileSync(file, Buffer.alloc(2 ** 20, 1))
    for (const program of ['fault', 'random', 'scan']) {
      const result = spawnSync(
        nativeProgram,
        [program, '--memory', 'mmap', '--file', file, '--file-bytes', String(2 ** 20)].concat([
          '--buffer-bytes',
          String(2 ** 20),
          '--touches',
          '10',
          '--milliseconds',
          '1',
        ]),
        { encoding: 'utf8' },
      )
      expect(result.status).toBe(1)
      expect(result.stderr).toContain('wrong bytes at offset')
    }
  })
})

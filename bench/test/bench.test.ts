// The benchmark as it is called: rows of the right shape, wrong bytes caught, nothing left behind.
// What the figures are is no business of a test.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { probe } from '@umap/native'
import { afterEach, beforeEach, describe, expect, type TestContext, test } from 'vitest'
import { buildNativePrograms } from '../src/native-program.ts'
import type { Row } from '../src/row.ts'

const main = path.join(import.meta.dirname, '../dist/main.js')

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'umap-bench-test-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function start(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess & { stdout: NodeJS.ReadableStream } {
  return spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** The S3 server of the test run, as the environment of a process; undefined where there is none. */
async function findS3Server(): Promise<Record<string, string> | undefined> {
  const { UMAP_TEST_S3_ENDPOINT: named, UMAP_TEST_S3_CONTROL: control } = process.env
  if (named !== undefined || control === undefined) return named === undefined ? undefined : {}
  const socket = connect(Number(control), '127.0.0.1')
  socket.write(`${JSON.stringify({ command: 'server' })}\n`)
  const answer = JSON.parse(await text(socket)) as Record<string, string>
  if (answer.error !== undefined) return undefined
  return {
    UMAP_TEST_S3_ENDPOINT: answer.endpoint ?? '',
    AWS_ACCESS_KEY_ID: answer.accessKeyId ?? '',
    AWS_SECRET_ACCESS_KEY: answer.secretAccessKey ?? '',
  }
}

function skipWithoutAllWays(context: TestContext): void {
  const lacking = probe().faults.ways.find(({ works }) => !works)
  if (lacking !== undefined) context.skip(`${lacking.mode} cannot be had here: ${lacking.reason}`)
}

async function run(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ exitCode: number; stdout: string }> {
  const child = start(args, env)
  const [[exitCode], stdout] = await Promise.all([once(child, 'exit'), text(child.stdout)])
  return { exitCode, stdout }
}

/** Runs scenarios at their tiny sizes; the rows, which are checked for their shape. */
async function runQuickly(names: string[], env: NodeJS.ProcessEnv = {}): Promise<Row[]> {
  const json = path.join(directory, 'rows.json')
  const { exitCode, stdout } = await run([...names, '--quick', '--runs', '1', '--json', json], env)
  expect(exitCode).toBe(0)
  const rows: Row[] = JSON.parse(readFileSync(json, 'utf8'))
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
    const isCost = ['µs', 's', 'bytes', 'µs a page'].includes(row.unit)
    expect(row.ratio).toBe(isCost ? row.peer / row.ours : row.ours / row.peer)
    expect(stdout).toContain(row.case)
    expect(stdout).toContain(row.peerName)
  }
  expect([...new Set(rows.map(({ scenario }) => scenario))]).toEqual(names)
  expect(readdirSync(directory)).toEqual(['rows.json'])
  return rows
}

/** What a table must have: cases with the rivals that they are compared with. */
function pairsOf(rows: Row[], scenario: string): string[] {
  return rows
    .filter((row) => row.scenario === scenario)
    .map((row) => `${row.case} / ${row.peerName.replace(', without memory limit', '')}`)
}

describe('the benchmark', () => {
  test('rows-of-the-c++-programs-have-the-agreed-shape', { timeout: 180_000 }, async (context) => {
    skipWithoutAllWays(context)
    const rows = await runQuickly([
      ...['random-cold', 'random-list', 'random-write', 'scan-cold', 'scan-warm', 'scan-write'],
      ...['sort', 'bfs', 'zipf', 'mixed', 'growth', 'threads', 'page-sizes'],
    ])
    expect(pairsOf(rows, 'random-list')).toEqual([
      '1 thread / mmap MADV_RANDOM',
      '1 thread / mmap MADV_RANDOM, MADV_WILLNEED',
    ])
    expect(pairsOf(rows, 'zipf')).toEqual([
      '1 thread / mmap MADV_RANDOM',
      "hit share / Belady's optimum",
    ])
    const shares = rows.filter(({ unit }) => unit === '%')
    for (const { ours, peer } of shares) expect(ours).toBeLessThanOrEqual(peer)
  })

  test('rows-of-the-node-programs-have-the-agreed-shape', { timeout: 180_000 }, async (context) => {
    skipWithoutAllWays(context)
    const rows = await runQuickly([
      ...['hit', 'node-random', 'node-scan', 'js-store', 'sqlite', 'server'],
    ])
    expect(pairsOf(rows, 'node-scan')).toEqual([
      'cold / fs.readSync + lru-cache',
      'cold / mmap addon',
      'file in the page cache / fs.readSync + lru-cache',
      'file in the page cache / mmap addon, all in memory',
    ])
    expect(pairsOf(rows, 'server')).toEqual([
      '1 client / in-process',
      '2 clients / in-process',
      '8 clients / in-process',
      'second client on resident pages, p50 / in-process',
    ])
    expect(pairsOf(rows, 'hit').map((pair) => pair.split(' / ')[1])).toEqual(
      Array(3).fill('ordinary typed array'),
    )
  })

  test('rows-of-s3-have-the-agreed-shape', { timeout: 180_000 }, async (context) => {
    skipWithoutAllWays(context)
    const server = await findS3Server()
    if (server === undefined) context.skip('there is no S3 server')
    const rows = await runQuickly(['s3-scan', 's3-random'], server)
    for (const scenario of ['s3-scan', 's3-random']) {
      expect(pairsOf(rows, scenario)[0]).toMatch(/^cold \/ AWS SDK/)
    }
  })

  test('faults-are-compared-in-every-way', { timeout: 180_000 }, async (context) => {
    skipWithoutAllWays(context)
    const out = path.join(directory, 'out')
    const args = ['fault', '--quick', '--runs', '1', '--report', '--out', out]
    expect((await run(args)).exitCode).toBe(0)
    const report = readFileSync(path.join(out, 'benchmarks.md'), 'utf8')
    for (const machine of ['quiet', 'busy']) {
      for (const way of ['userfaultfd', 'in-thread']) {
        expect(report).toContain(`| ${machine}, ${way}, p50 |`)
      }
    }
    expect(report).toContain('![Latency of a fault, quiet machine](benchmarks/fault.svg)')
    expect(readFileSync(path.join(out, 'benchmarks/fault.svg'), 'utf8')).toContain('userfaultfd')
    // The same report from the record alone.
    const again = path.join(directory, 'again')
    const record = path.join(out, 'benchmarks/record.json')
    expect((await run(['--report', record, '--out', again])).exitCode).toBe(0)
    expect(readFileSync(path.join(again, 'benchmarks.md'), 'utf8')).toBe(report)
    expect(readdirSync(directory).toSorted()).toEqual(['again', 'out'])
  })

  test('interrupted-benchmark-leaves-nothing', { timeout: 120_000 }, async () => {
    const child = start(['random-cold', '--quick'])
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
    expect((await run(['--report', 'one.json', 'two.json'])).exitCode).toBe(2)
  })

  test('wrong-bytes-fail-the-run', { timeout: 180_000 }, () => {
    const nativeProgram = buildNativePrograms()
    const file = path.join(directory, 'data')
    writeFileSync(file, Buffer.alloc(2 ** 20, 1))
    for (const program of ['fault', 'random', 'scan', 'zipf', 'mixed']) {
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

// The programs to copy give the answers that plain reads of the same files give.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Outcome, runProgram, temporaryDirectory } from './run-program.ts'

const directory = temporaryDirectory()

async function run(program: string, ...args: string[]): Promise<Outcome> {
  const outcome = await runProgram(program, args, directory)
  expect(outcome.stderr).toBe('')
  expect(outcome.exitCode).toBe(0)
  return outcome
}

function readWords<T>(file: string, ctor: new (buffer: ArrayBuffer) => T): T {
  const bytes = readFileSync(file)
  return new ctor(new Uint8Array(bytes).buffer)
}

describe('embeddings', { timeout: 60_000 }, () => {
  it('finds-the-nearest-vectors', async () => {
    const file = path.join(directory, 'vectors')
    await run('embeddings.js', file)
    const { stdout } = await run('embeddings.js', file, '1234')
    const vectors = readWords(file, Float32Array)
    const distances = Array.from({ length: vectors.length / 64 }, (_, row) => {
      const vector = vectors.subarray(row * 64, (row + 1) * 64)
      const squares = vector.map((value, axis) => (value - vectors[1234 * 64 + axis]!) ** 2)
      return { row, distance: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) }
    })
    const nearest = distances.sort((a, b) => a.distance - b.distance).slice(0, 5)
    const found = [...stdout.matchAll(/row (\d+) at distance (\S+)/g)]
    expect(found.map((match) => Number(match[1]))).toEqual(nearest.map(({ row }) => row))
    for (const [index, { distance }] of nearest.entries()) {
      expect(Number(found[index]![2])).toBeCloseTo(distance, 3)
    }
    expect(Number(/(\d+) evictions/.exec(stdout)?.[1])).toBeGreaterThan(0)
  })
})

describe('csr-graph', { timeout: 60_000 }, () => {
  it('counts-the-vertices-of-every-level', async () => {
    const { stdout } = await run('csr-graph.js', directory)
    const begins = readWords(path.join(directory, 'offsets'), Uint32Array)
    const ends = readWords(path.join(directory, 'targets'), Uint32Array)
    const levels: number[] = []
    const seen = new Set([0])
    for (let frontier = [0]; frontier.length > 0; ) {
      levels.push(frontier.length)
      frontier = frontier
        .flatMap((vertex) => [...ends.subarray(begins[vertex], begins[vertex + 1])])
        .filter((target) => !seen.has(target) && seen.add(target))
    }
    const counts = [...stdout.matchAll(/level \d+: (\d+) vertices/g)]
    expect(counts.map((match) => Number(match[1]))).toEqual(levels)
  })
})

describe('counter-workers', { timeout: 60_000 }, () => {
  let outcome: Outcome
  const file = path.join(directory, 'counters')
  beforeAll(async () => {
    outcome = await runProgram('counter-workers.js', [file, '3'], directory)
  })

  // Older Nodes cannot make a SharedArrayBuffer over memory of an addon.
  const isUnsupported = () =>
    Number.parseInt(process.versions.node, 10) < 24 && outcome.stderr.includes('UMAP_UNSUPPORTED')

  it('loses-no-count', (context) => {
    context.skip(isUnsupported())
    expect(outcome).toMatchObject({ stderr: '', exitCode: 0 })
    expect(outcome.stdout).toContain('3 workers added 60000')
    const counters = readWords(file, Int32Array)
    expect(counters.reduce((sum, count) => sum + count, 0)).toBe(60_000)
  })

  it('makes-pages-leave-while-they-are-counted-in', (context) => {
    context.skip(isUnsupported())
    expect(Number(/(\d+) evictions/.exec(outcome.stdout)?.[1])).toBeGreaterThan(1000)
  })
})

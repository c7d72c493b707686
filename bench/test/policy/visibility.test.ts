// What a policy can know: without an accessed bit all reference-bit policies are FIFO, and a soft
// fault is what gives them their information back.

import { describe, expect, test } from 'vitest'
import { Clock, Fifo, Lru, Sieve } from '../../src/policy/classic-policies.ts'
import { simulate } from '../../src/policy/simulate.ts'
import { zipfTrace } from '../../src/policy/synthetic-traces.ts'
import { AccessKind, TraceBuilder } from '../../src/policy/trace.ts'
import { readsOf, shapeOf } from './shapes.ts'

const zipf = zipfTrace({ pageCount: 1_000, accessCount: 20_000, seed: 3 }, 0.99)

describe('visibility', () => {
  test('fifo-shows-beladys-anomaly', () => {
    const trace = readsOf([1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5])
    expect(simulate(trace, new Fifo(shapeOf(trace, 3)), 3, 'faults').fills).toBe(9)
    expect(simulate(trace, new Fifo(shapeOf(trace, 4)), 4, 'faults').fills).toBe(10)
    expect(simulate(trace, new Lru(shapeOf(trace, 3)), 3, 'full').fills).toBe(10)
    expect(simulate(trace, new Lru(shapeOf(trace, 4)), 4, 'full').fills).toBe(8)
  })

  test('without-hits-clock-sieve-and-lru-are-fifo', () => {
    const shape = shapeOf(zipf, 100)
    const fifo = simulate(zipf, new Fifo(shape), 100, 'faults')
    for (const policy of [new Clock(shape), new Sieve(shape), new Lru(shape)]) {
      expect(simulate(zipf, policy, 100, 'faults')).toEqual(fifo)
    }
  })

  test('hits-help-clock-and-sieve', () => {
    const shape = shapeOf(zipf, 100)
    for (const make of [() => new Clock(shape), () => new Sieve(shape)]) {
      const blind = simulate(zipf, make(), 100, 'faults').fills
      expect(simulate(zipf, make(), 100, 'full').fills).toBeLessThan(0.95 * blind)
    }
  })

  test('standby-saves-fills-within-the-same-frames', () => {
    const blind = simulate(zipf, new Fifo(shapeOf(zipf, 100)), 100, 'faults')
    const soft = simulate(zipf, new Fifo(shapeOf(zipf, 100, 0.25)), 100, 'faults')
    expect(blind.softFaults).toBe(0)
    expect(soft.softFaults).toBeGreaterThan(0)
    expect(soft.fills).toBeLessThan(blind.fills)
  })

  test('only-the-first-write-to-a-clean-page-is-seen', () => {
    const trace = new TraceBuilder()
    for (const kind of [AccessKind.read, AccessKind.write, AccessKind.read, AccessKind.write]) {
      trace.add(0, kind)
    }
    const writes = trace.build('writes', 2, 0)
    const score = simulate(writes, new Fifo(shapeOf(writes, 1)), 1, 'faults')
    expect(score).toMatchObject({ accesses: 4, fills: 1, writeFaults: 1 })
  })

  test('a-policy-over-its-frames-is-caught', () => {
    const policy = new Fifo(shapeOf(zipf, 101))
    expect(() => simulate(zipf, policy, 100, 'faults')).toThrow(RangeError)
  })
})

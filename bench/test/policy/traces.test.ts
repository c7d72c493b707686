// The traces are evidence, so they must repeat from their seed and have the shape they claim.

import { describe, expect, test } from 'vitest'
import { quicksortTrace } from '../../src/policy/program-traces.ts'
import { policyTraces } from '../../src/policy/scenarios.ts'
import { loopTrace, oneHitTrace, zipfTrace } from '../../src/policy/synthetic-traces.ts'

const size = { pageCount: 1_000, accessCount: 50_000, seed: 11 }

describe('traces', () => {
  test('same-seed-same-trace', () => {
    const texts = (seed: number): string[] =>
      policyTraces(seed, 0.01).map(({ name, pages, kinds }) => `${name}: ${pages} ${kinds}`)
    const first = texts(4)
    expect(texts(4).every((text, index) => text === first[index])).toBe(true)
    expect(texts(5).some((text, index) => text === first[index] && !text.startsWith('loop'))).toBe(
      false,
    )
  })

  test('every-page-index-is-inside-the-data-set', () => {
    for (const { name, pages, pageCount } of policyTraces(4, 0.02)) {
      const largest = pages.reduce((a, b) => Math.max(a, b), 0)
      expect(largest, name).toBeLessThan(pageCount)
    }
  })

  test('zipf-is-skewed-as-its-exponent-says', () => {
    const counts = new Map<number, number>()
    const { pages } = zipfTrace(size, 0.7)
    for (const page of pages) counts.set(page, (counts.get(page) ?? 0) + 1)
    const sorted = [...counts.values()].sort((a, b) => b - a)
    const ratio = (sorted[0] as number) / (sorted[99] as number)
    expect(ratio).toBeGreaterThan(100 ** 0.7 * 0.75)
    expect(ratio).toBeLessThan(100 ** 0.7 * 1.33)
  })

  test('loop-repeats-in-order', () => {
    expect([...loopTrace({ ...size, accessCount: 6 }, 0.004).pages]).toEqual([0, 1, 2, 3, 0, 1])
  })

  test('wonders-are-touched-once', () => {
    const { pages } = oneHitTrace({ pageCount: 100_000, accessCount: 50_000, seed: 1 }, 0.5)
    const counts = new Map<number, number>()
    for (const page of pages) counts.set(page, (counts.get(page) ?? 0) + 1)
    const once = [...counts.values()].filter((count) => count === 1).length
    expect(once).toBeGreaterThan(24_000)
  })

  test('quicksort-passes-over-everything-about-log2-times', () => {
    const { pages, pageCount } = quicksortTrace(1_024, 2)
    // Each step touches the pages of both pointers.
    const passes = pages.length / pageCount / 2
    expect(passes).toBeGreaterThan(9)
    expect(passes).toBeLessThan(14)
  })
})

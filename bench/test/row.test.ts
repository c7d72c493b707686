// Rows: medians, ratios in both directions, and the table.

import { describe, expect, test } from 'vitest'
import { runRounds } from '../src/rounds.ts'
import { type Comparison, formatTable, isReached, median, ratioSpread, toRow } from '../src/row.ts'

const times: Comparison = {
  scenario: 'fault',
  case: 'p50',
  unit: 'µs',
  moreIsBetter: false,
  peerName: 'mmap',
  ours: [10, 30, 20],
  peer: [5, 5, 100],
}

describe('rows', () => {
  test('median-of-an-even-count-is-between-the-middle-ones', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([30, 10, 20])).toBe(20)
    expect(() => median([])).toThrow(RangeError)
  })

  test('ratio-of-times-and-of-rates-is-how-many-times-better-ours-is', () => {
    expect(toRow(times)).toEqual({
      scenario: 'fault',
      case: 'p50',
      ours: 20,
      peer: 5,
      peerName: 'mmap',
      unit: 'µs',
      ratio: 0.25,
      runs: 3,
    })
    expect(toRow({ ...times, moreIsBetter: true }).ratio).toBe(4)
  })

  test('table-shows-the-spread', () => {
    expect(formatTable([times])).toMatch(/p50 +20\.00 \(10\.00–30\.00\) +5\.00 \(5\.00–100\)/)
  })

  test('spread-of-the-ratio-is-that-of-the-pairs', () => {
    expect(ratioSpread(times)).toEqual([5 / 30, 5])
  })

  test('figure-to-reach-is-a-ratio-or-a-figure-of-ours', () => {
    expect(isReached(times)).toBeUndefined()
    expect(isReached({ ...times, reach: { ratioMin: 0.25 } })).toBe(true)
    expect(isReached({ ...times, reach: { ratioMin: 0.26 } })).toBe(false)
    expect(isReached({ ...times, reach: { oursMax: 20 } })).toBe(true)
    expect(isReached({ ...times, reach: { oursMax: 19 } })).toBe(false)
    expect(formatTable([{ ...times, reach: { ratioMin: 0.26 } }])).toMatch(/≥ 0\.26× +LOST/)
  })

  test('contenders-take-turns', async () => {
    const order: string[] = []
    const contender = (name: string) => ({
      name,
      run: async () => {
        order.push(name)
        return { figure: order.length }
      },
    })
    const contenders = [contender('a'), contender('b')] as const
    const rounds = await runRounds(2, contenders)
    expect(order).toEqual(['a', 'b', 'a', 'b'])
    expect(rounds.get(contenders[1])).toEqual([{ figure: 2 }, { figure: 4 }])
  })
})

// The sort orders any distribution of keys, in core and out of core, and loses no record.

import { describe, expect, it } from 'vitest'
import { RecordSort, type SortSurroundings, type WordRange } from '../dist/demo/radix-sort.js'
import { OrderCheck, RecordChecksum, RecordSource, recordWords } from '../dist/demo/record.js'

const inCore: SortSurroundings = {
  fanOutBits: 8,
  inCoreWords: 2 ** 30,
  turn: () => Promise.resolve(),
  announce: () => Promise.resolve(),
}
const outOfCore: SortSurroundings = { ...inCore, fanOutBits: 3, inCoreWords: 256 * recordWords }

/** Random records whose keys are cut down by `cut`. */
function makeRecords(count: number, cut: Cut) {
  const words = new Int32Array(count * recordWords)
  new RecordSource(count).fill(words)
  for (let at = 0; at < words.length; at += recordWords) {
    words.set(cut(words[at]!, words[at + 1]!), at)
  }
  return words
}

type Cut = (low: number, high: number) => [low: number, high: number]

const random: Cut = (low, high) => [low, high]
const allEqual: Cut = () => [5, 6]
const distributions: Record<string, Cut> = {
  random,
  'all-equal': allEqual,
  'few-distinct': (low) => [low & 3, 0],
  'low-word-only': (low) => [low, 0],
  'one-high-bit': (low, high) => [low & 0xff, high & (1 << 31)],
}

function checksumOf(words: Int32Array): string {
  const checksum = new RecordChecksum()
  checksum.add(words)
  return String(checksum)
}

async function expectSorted(words: Int32Array, surroundings: SortSurroundings): Promise<void> {
  const before = checksumOf(words)
  await new RecordSort(words, surroundings).sort()
  new OrderCheck().add(words)
  expect(checksumOf(words)).toBe(before)
}

describe('RecordSort', () => {
  for (const [name, cut] of Object.entries(distributions)) {
    it(`sorts-${name}-keys-in-core`, () => expectSorted(makeRecords(20_000, cut), inCore))
    it(`sorts-${name}-keys-out-of-core`, () => expectSorted(makeRecords(20_000, cut), outOfCore))
  }

  it('sorts-none-one-and-a-few-records', async () => {
    for (const count of [0, 1, 2, 3, 24, 25]) {
      await expectSorted(makeRecords(count, random), inCore)
    }
  })

  it('announces-ranges-inside-the-array', async () => {
    const words = makeRecords(20_000, random)
    const announced: WordRange[] = []
    const announce = async (ranges: WordRange[]) => void announced.push(...ranges)
    await expectSorted(words, { ...outOfCore, announce })
    expect(announced.length).toBeGreaterThan(8)
    for (const { begin, end } of announced) {
      expect(begin).toBeGreaterThanOrEqual(0)
      expect(end).toBeGreaterThan(begin)
      expect(end).toBeLessThanOrEqual(words.length)
    }
  })

  it('keeps-every-record-when-it-is-interrupted', async () => {
    for (const turnsLeft of [0, 1, 2, 3, 4, 5, 6, 20, 40]) {
      const words = makeRecords(300_000, random)
      const before = checksumOf(words)
      let left = turnsLeft
      const turn = async () => {
        if (left-- === 0) throw new Error('interrupted')
      }
      const sort = new RecordSort(words, { ...outOfCore, turn, inCoreWords: 2 ** 16 })
      await expect(sort.sort()).rejects.toThrow('interrupted')
      expect(checksumOf(words), `after ${turnsLeft} turns`).toBe(before)
    }
  })

  it('counts-three-touches-a-record-and-level-and-more-for-insertion', async () => {
    const words = makeRecords(20_000, allEqual)
    const sort = new RecordSort(words, inCore)
    await sort.sort()
    expect(sort.touchCount).toBe(20_000 * 3 * 8)
  })
})

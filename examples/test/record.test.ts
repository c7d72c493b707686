// The records are repeatable, and a lost, changed or misplaced one is noticed.

import { describe, expect, it } from 'vitest'
import { OrderCheck, RecordChecksum, RecordSource, recordWords } from '../dist/demo/record.js'

function makeRecords(seed: number, count: number): Int32Array {
  const words = new Int32Array(count * recordWords)
  new RecordSource(seed).fill(words)
  return words
}

function checksumOf(...pieces: Int32Array[]): string {
  const checksum = new RecordChecksum()
  for (const piece of pieces) checksum.add(piece)
  return String(checksum)
}

describe('RecordSource', () => {
  it('repeats-its-records-for-a-seed', () => {
    expect(makeRecords(7, 1000)).toEqual(makeRecords(7, 1000))
    expect(makeRecords(7, 1000)).not.toEqual(makeRecords(8, 1000))
  })

  it('goes-on-where-the-last-piece-ended', () => {
    const source = new RecordSource(7)
    const pieces = [new Int32Array(400), new Int32Array(3600)]
    for (const piece of pieces) source.fill(piece)
    expect(pieces.flatMap((piece) => [...piece])).toEqual([...makeRecords(7, 1000)])
  })

  it('spreads-its-keys-over-all-high-bytes', () => {
    const words = makeRecords(1, 1 << 16)
    const highBytes = new Set<number>()
    for (let at = 0; at < words.length; at += recordWords) highBytes.add(words[at + 1]! >>> 24)
    expect(highBytes.size).toBe(256)
  })
})

describe('RecordChecksum', () => {
  const words = makeRecords(3, 100)

  it('does-not-depend-on-order-or-pieces', () => {
    expect(checksumOf(words.subarray(40), words.subarray(0, 40))).toBe(checksumOf(words))
  })

  it('changes-when-two-records-swap-payloads', () => {
    const swapped = words.slice()
    swapped.set(words.subarray(2, 4), 6)
    swapped.set(words.subarray(6, 8), 2)
    expect(checksumOf(swapped)).not.toBe(checksumOf(words))
  })

  it('changes-when-a-record-is-lost-for-a-copy-of-another', () => {
    const copied = words.slice()
    copied.set(words.subarray(0, 4), 4)
    expect(checksumOf(copied)).not.toBe(checksumOf(words))
  })

  it('changes-with-any-single-bit', () => {
    for (let bit = 0; bit < 128; bit++) {
      const flipped = words.slice()
      flipped[40 + (bit >> 5)]! ^= 1 << (bit & 31)
      expect(checksumOf(flipped), `bit ${bit}`).not.toBe(checksumOf(words))
    }
  })
})

describe('OrderCheck', () => {
  it('compares-keys-as-unsigned-64-bit-numbers', () => {
    const check = new OrderCheck()
    check.add(Int32Array.of(-1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, -1, -1, 0, 0))
    expect(() => check.add(Int32Array.of(-2, -1, 0, 0))).toThrow('record 4 is out of order')
  })

  it('takes-equal-keys', () => {
    expect(() => new OrderCheck().add(Int32Array.of(1, 1, 9, 9, 1, 1, 0, 0))).not.toThrow()
  })
})

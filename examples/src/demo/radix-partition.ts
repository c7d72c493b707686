// In-place partition of records by some bits of their key: McIlroy, Bostic and McIlroy's American
// flag sort ("Engineering Radix Sort", 1993). It knows nothing of mappings; it can stop after any
// number of records and go on later, so that the thread that runs it stays responsive.
import { recordWords } from './record.ts'

/** The bits of a key that a partition looks at. They lie inside one 32-bit word. */
export interface Digit {
  /** 1: the high word of the key, 0: the low word. */
  readonly word: number
  /** Bits right of the digit in its word. */
  readonly shift: number
  readonly bits: number
}

/** The topmost digit of `bits` bits at most, of a key whose low `keyBits` bits are undecided. */
export function topDigit(keyBits: number, bits: number): Digit {
  const word = keyBits > 32 ? 1 : 0
  const undecided = keyBits - 32 * word
  const taken = Math.min(undecided, bits)
  return { word, shift: undecided - taken, bits: taken }
}

/** Where the buckets of one partition lie, in words of the array that is partitioned. */
export interface Buckets {
  /** Where the next record of each bucket goes; what lies before is in its place. */
  readonly heads: Int32Array
  /** Where each bucket ends; while counting, the number of its records. */
  readonly ends: Int32Array
  /** The bucket that is being filled; those before it are complete. */
  current: number
}

/** Room for the buckets of a digit of `bits` bits or fewer. */
export function makeBuckets(bits: number): Buckets {
  return { heads: new Int32Array(2 ** bits), ends: new Int32Array(2 ** bits), current: 0 }
}

/** Step 1: adds the records of `words` from `begin` to `end` to the counts of their buckets. */
export function countRecords(
  words: Int32Array,
  begin: number,
  end: number,
  digit: Digit,
  counts: Int32Array,
): void {
  const { shift } = digit
  const mask = 2 ** digit.bits - 1
  for (let at = begin + digit.word; at < end; at += recordWords) {
    counts[(words[at]! >>> shift) & mask]!++
  }
}

/** Step 2: turns the counts into places, the first bucket at `begin`. */
export function layOutBuckets(buckets: Buckets, begin: number): void {
  const { heads, ends } = buckets
  let at = begin
  for (let bucket = 0; bucket < ends.length; bucket++) {
    heads[bucket] = at
    at += ends[bucket]! * recordWords
    ends[bucket] = at
  }
  buckets.current = 0
}

/**
 * Step 3: moves records to their buckets, about `recordCountMax` of them. Returns true when all
 * are in place, false when there is more to do; then the next call goes on.
 *
 * Always holds between calls: `words` has every record exactly once.
 */
export function moveRecords(
  words: Int32Array,
  buckets: Buckets,
  digit: Digit,
  recordCountMax: number,
): boolean {
  const { heads, ends } = buckets
  const { shift, word } = digit
  const mask = 2 ** digit.bits - 1
  let left = recordCountMax
  for (; buckets.current < heads.length; buckets.current++) {
    const target = buckets.current
    const end = ends[target]!
    while (heads[target]! < end) {
      const hole = heads[target]!
      let keyLow = words[hole]!
      let keyHigh = words[hole + 1]!
      let payloadLow = words[hole + 2]!
      let payloadHigh = words[hole + 3]!
      let bucket = ((word ? keyHigh : keyLow) >>> shift) & mask
      while (bucket !== target && left-- > 0) {
        const place = heads[bucket]!
        heads[bucket] = place + recordWords
        const nextKeyLow = words[place]!
        const nextKeyHigh = words[place + 1]!
        const nextPayloadLow = words[place + 2]!
        const nextPayloadHigh = words[place + 3]!
        words[place] = keyLow
        words[place + 1] = keyHigh
        words[place + 2] = payloadLow
        words[place + 3] = payloadHigh
        keyLow = nextKeyLow
        keyHigh = nextKeyHigh
        payloadLow = nextPayloadLow
        payloadHigh = nextPayloadHigh
        bucket = ((word ? keyHigh : keyLow) >>> shift) & mask
      }
      words[hole] = keyLow
      words[hole + 1] = keyHigh
      words[hole + 2] = payloadLow
      words[hole + 3] = payloadHigh
      // Out of moves: the record that was in hand waits in the hole, which was free.
      if (bucket !== target) return false
      heads[target] = hole + recordWords
      if (left-- <= 0) return false
    }
  }
  return true
}

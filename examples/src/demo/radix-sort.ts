// Sorts records in place by their key, most significant digit first, in an array that may be larger
// than memory: partitions it with few enough write positions for the page buffer until a part fits
// into the buffer, then sorts that part to the end. Each page is so taken in a handful of times,
// where a comparison sort would take it in some twenty times.
import {
  type Buckets,
  countRecords,
  layOutBuckets,
  makeBuckets,
  moveRecords,
  topDigit,
} from './radix-partition.ts'
import { recordWords } from './record.ts'

/** A part of the sorted array, in words. */
export interface WordRange {
  readonly begin: number
  readonly end: number
}

/** What the sort needs from its surroundings. */
export interface SortSurroundings {
  /** Bits of the digit for parts that do not fit: 2 ** bits write positions are open at once. */
  readonly fanOutBits: number
  /** Parts up to this many words are sorted in one go, without a turn in between. */
  readonly inCoreWords: number
  /** Called after every some thousand records, `words` further: lets signals and timers run. */
  turn(phase: SortPhase, words: number): Promise<void>
  /** Says which parts are needed soon. The sort does not wait for the promise before it works. */
  announce(ranges: WordRange[]): Promise<void>
}

/** What the sort is doing: reading to count, moving to buckets, or finishing a part that fits. */
export type SortPhase = 'count' | 'partition' | 'sort'

const inCoreBits = 8
const insertionWordsMax = 24 * recordWords
const turnRecords = 2 ** 18

/** Sorts the records of one array. Holds the counters of all levels, so make one and keep it. */
export class RecordSort {
  /** Times that a record was loaded from the array or stored to it. */
  touchCount = 0
  readonly #words: Int32Array
  readonly #surroundings: SortSurroundings
  readonly #levels: Buckets[] = []

  constructor(words: Int32Array, surroundings: SortSurroundings) {
    this.#words = words
    this.#surroundings = surroundings
  }

  /** Sorts everything. Rejects with what `turn` or `announce` rejects with, every record kept. */
  async sort(): Promise<void> {
    await this.#sortPart({ begin: 0, end: this.#words.length }, 64)
  }

  async #sortPart(part: WordRange, keyBits: number): Promise<void> {
    if (this.#isInCore(part) || keyBits === 0) {
      this.#sortInCore(part.begin, part.end, keyBits, 0)
      await this.#surroundings.turn('sort', part.end - part.begin)
      return
    }
    const digitBits = topDigit(keyBits, this.#surroundings.fanOutBits).bits
    const buckets = await this.#partition(part, keyBits)
    const parts = listParts(part.begin, buckets.ends)
    for (const [index, bucket] of parts.entries()) {
      const next = parts[index + 1]
      const ahead = next && this.#isInCore(next) ? this.#surroundings.announce([next]) : undefined
      await Promise.all([ahead, this.#sortPart(bucket, keyBits - digitBits)])
    }
  }

  /** Partitions a part that does not fit into the buffer, with a turn now and then. */
  async #partition(part: WordRange, keyBits: number): Promise<Buckets> {
    const { turn, announce, fanOutBits } = this.#surroundings
    const digit = topDigit(keyBits, fanOutBits)
    const buckets = makeBuckets(digit.bits)
    const step = turnRecords * recordWords
    for (let begin = part.begin; begin < part.end; begin += step) {
      const end = Math.min(begin + step, part.end)
      countRecords(this.#words, begin, end, digit, buckets.ends)
      await turn('count', end - begin)
    }
    layOutBuckets(buckets, part.begin)
    await announce(
      listParts(part.begin, buckets.ends).map(({ begin }) => ({ begin, end: begin + 1 })),
    )
    for (let before = 0, isDone = false; !isDone; ) {
      isDone = moveRecords(this.#words, buckets, digit, turnRecords)
      const placed = countPlacedWords(part.begin, buckets)
      await turn('partition', placed - before)
      before = placed
    }
    this.touchCount += 3 * ((part.end - part.begin) / recordWords)
    return buckets
  }

  #sortInCore(begin: number, end: number, keyBits: number, level: number): void {
    if (end - begin <= insertionWordsMax) {
      this.touchCount += insertionSort(this.#words, begin, end)
      return
    }
    if (keyBits === 0) return
    const digit = topDigit(keyBits, inCoreBits)
    this.#levels[level] ??= makeBuckets(inCoreBits)
    const buckets = this.#levels[level]
    buckets.ends.fill(0)
    countRecords(this.#words, begin, end, digit, buckets.ends)
    layOutBuckets(buckets, begin)
    moveRecords(this.#words, buckets, digit, Number.POSITIVE_INFINITY)
    this.touchCount += 3 * ((end - begin) / recordWords)
    let bucketBegin = begin
    for (let bucket = 0; bucketBegin < end; bucket++) {
      const bucketEnd = buckets.ends[bucket]!
      if (bucketEnd - bucketBegin > recordWords) {
        this.#sortInCore(bucketBegin, bucketEnd, keyBits - digit.bits, level + 1)
      }
      bucketBegin = bucketEnd
    }
  }

  #isInCore(part: WordRange): boolean {
    return part.end - part.begin <= this.#surroundings.inCoreWords
  }
}

function listParts(begin: number, ends: Int32Array): WordRange[] {
  return Array.from(ends, (end, bucket) => ({
    begin: bucket === 0 ? begin : ends[bucket - 1]!,
    end,
  })).filter((part) => part.end > part.begin)
}

function countPlacedWords(begin: number, buckets: Buckets): number {
  const { heads, ends } = buckets
  return heads.reduce((sum, head, bucket) => sum + head - (ends[bucket - 1] ?? begin), 0)
}

/** Sorts a few records; returns how often it loaded or stored one. */
function insertionSort(words: Int32Array, begin: number, end: number): number {
  let touches = 0
  for (let at = begin + recordWords; at < end; at += recordWords) {
    const keyLow = words[at]! >>> 0
    const keyHigh = words[at + 1]! >>> 0
    const payloadLow = words[at + 2]!
    const payloadHigh = words[at + 3]!
    let place = at
    for (; place > begin; place -= recordWords) {
      const before = place - recordWords
      const beforeHigh = words[before + 1]! >>> 0
      if (beforeHigh < keyHigh) break
      if (beforeHigh === keyHigh && words[before]! >>> 0 <= keyLow) break
      words[place] = words[before]!
      words[place + 1] = words[before + 1]!
      words[place + 2] = words[before + 2]!
      words[place + 3] = words[before + 3]!
    }
    words[place] = keyLow
    words[place + 1] = keyHigh
    words[place + 2] = payloadLow
    words[place + 3] = payloadHigh
    touches += 3 + (2 * (at - place)) / recordWords
  }
  return touches
}

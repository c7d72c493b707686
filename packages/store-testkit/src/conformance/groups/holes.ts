// Holes: ranges that were never written or that were discarded. 'hole' stands for zeros, so a test
// takes either answer where zeros are right.

import { expectThat } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { ByteRange, Trial } from '../trial.ts'

/** Tests of `'hole'` and `discard`. */
export const holes: TestGroup = {
  name: 'holes',
  tests: [
    {
      name: 'are never said of a range that was written',
      contract:
        "read resolves to 'hole' only where the whole range was never written, or is zeros.",
      needs: ['writable'],
      run: neverSaidOfWritten,
    },
    {
      name: 'are zeros in a range that is written in part',
      contract:
        "a read whose range has written and never-written parts fills all of target: 'hole' is" +
        ' wrong there, and so are old bytes of target in the place of zeros.',
      needs: ['writable'],
      run: zerosBesideWritten,
    },
    {
      name: 'are what discard makes',
      contract: 'a discarded range reads as zeros, at once.',
      needs: ['writable', 'discard'],
      run: discardMakesZeros,
    },
    {
      name: 'end where the discarded range ends',
      contract: 'discard changes the range [offset, offset + byteLength) and nothing else.',
      needs: ['writable', 'discard'],
      run: discardLeavesNeighbours,
    },
    {
      name: 'can be made of the tail',
      contract: 'the last range of a data set may be shorter than a page, for discard too.',
      needs: ['writable', 'discard'],
      run: discardTail,
    },
    {
      name: 'can be written again',
      contract: 'a range that was discarded is written like any other.',
      needs: ['writable', 'discard'],
      run: writtenAgain,
    },
  ],
}

async function neverSaidOfWritten(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  for (const { offset } of trial.pages(5)) {
    // A single byte, last and first: zeros alone are a hole by right.
    for (const at of [pageBytes - 1, 0]) {
      const bytes = new Uint8Array(pageBytes)
      bytes[at] = 1
      await subject.write(offset, bytes)
      const answer = await subject.do('read', () =>
        subject.store.read(offset, new Uint8Array(pageBytes), {
          signal: new AbortController().signal,
        }),
      )
      expectThat(
        answer !== 'hole',
        `the page at ${offset} was written with byte ${at} set, and read says 'hole'`,
      )
      await subject.expectBytes(offset, bytes, 'a page with one byte set')
    }
  }
}

async function zerosBesideWritten(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const callBytesMax = Math.max(subject.store.capabilities.callBytesMax, pageBytes)
  for (const pageCount of [2, 3, 8] as const) {
    const byteLength = pageCount * pageBytes
    if (byteLength > callBytesMax) {
      continue
    }
    // None touches another: pages 1 and 2, 3 to 5, 6 to 13.
    const offset = { 2: 1, 3: 3, 8: 6 }[pageCount] * pageBytes
    // What is there now is zeros in a new data set; an old one may have anything.
    const expected = await subject.bytes(offset, byteLength)
    const middle = Math.floor(pageCount / 2) * pageBytes
    const bytes = trial.random.bytes(pageBytes)
    expected.set(bytes, middle)
    await subject.write(offset + middle, bytes)
    await subject.expectBytes(offset, expected, `${pageCount} pages, one of which was written`)
  }
}

async function discardMakesZeros(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const range of discardedRanges(trial)) {
    await subject.discard(range.offset, range.byteLength)
    const zeros = new Uint8Array(range.byteLength)
    await subject.expectBytes(range.offset, zeros, 'a discarded range')
  }
}

async function discardLeavesNeighbours(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const { offset, byteLength } of discardedRanges(trial)) {
    await subject.discard(offset, byteLength)
    const before = bytes.subarray(offset - pageBytes, offset)
    const behind = bytes.subarray(offset + byteLength, offset + byteLength + pageBytes)
    await subject.expectBytes(offset - pageBytes, before, 'the page before a discarded range')
    await subject.expectBytes(offset + byteLength, behind, 'the page behind a discarded range')
  }
}

async function discardTail(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const tail = trial.tail()
  const before = trial.random.bytes(pageBytes)
  await subject.write(tail.offset - pageBytes, before)
  await subject.write(tail.offset, trial.random.bytes(tail.byteLength))
  await subject.discard(tail.offset, tail.byteLength)
  await subject.expectBytes(tail.offset, new Uint8Array(tail.byteLength), 'the discarded tail')
  await subject.expectBytes(tail.offset - pageBytes, before, 'the page before it')
}

async function writtenAgain(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  for (const { offset, byteLength } of discardedRanges(trial)) {
    await subject.write(offset, trial.random.bytes(byteLength))
    await subject.discard(offset, byteLength)
    const bytes = trial.random.bytes(pageBytes)
    await subject.write(offset, bytes)
    const expected = new Uint8Array(byteLength)
    expected.set(bytes)
    await subject.expectBytes(offset, expected, 'a page that was written after its discard')
  }
}

// None touches another, the first page, or the last two.
function discardedRanges({ pageBytes }: Trial): ByteRange[] {
  return [
    { offset: pageBytes, byteLength: pageBytes },
    { offset: 3 * pageBytes, byteLength: 2 * pageBytes },
    { offset: 7 * pageBytes, byteLength: 5 * pageBytes },
  ]
}

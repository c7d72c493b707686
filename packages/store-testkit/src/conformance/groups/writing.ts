// Writing: what was written is read, exactly there, whatever the bytes are.

import { expectBytes } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const onePageBytesMax = 16 * 2 ** 20

/** Tests of `write`. */
export const writing: TestGroup = {
  name: 'writing',
  tests: [
    {
      name: 'is seen by the next read',
      contract: 'a read that begins after a write has resolved sees its bytes, flushed or not.',
      needs: ['writable'],
      run: seenByNextRead,
    },
    {
      name: 'keeps every byte value, NUL first',
      contract: 'bytes are bytes: no value ends them, and none is translated.',
      needs: ['writable'],
      run: keepsEveryByteValue,
    },
    {
      name: 'changes nothing beside its range',
      contract: 'write changes the range [offset, offset + source.byteLength) and nothing else.',
      needs: ['writable'],
      run: changesNothingBeside,
    },
    {
      name: 'writes a tail that is no whole page',
      contract: 'the last range may be shorter than a page; nothing is read or written behind it.',
      needs: ['writable'],
      run: writesTail,
    },
    {
      name: 'replaces what was written before',
      contract: 'the last write of a range is the one that counts.',
      needs: ['writable'],
      run: replaces,
    },
    {
      name: 'takes calls of callBytesMax, and a page that is longer',
      contract:
        'calls are up to callBytesMax long, and longer where one page of the region is longer:' +
        ' page sizes are powers of two.',
      needs: ['writable'],
      run: takesLongCalls,
    },
    {
      name: 'leaves its source as it is',
      contract: 'source is memory of a region: write only reads it.',
      needs: ['writable'],
      run: leavesSource,
    },
    {
      name: 'does not look at its source once it has settled',
      contract: 'source is valid until the call settles; then it holds other bytes.',
      needs: ['writable'],
      run: forgetsSource,
    },
  ],
}

async function seenByNextRead(trial: Trial): Promise<void> {
  const { subject } = trial
  for (const { offset, byteLength } of trial.pages(8)) {
    const bytes = trial.random.bytes(byteLength)
    await subject.write(offset, bytes)
    await subject.expectBytes(offset, bytes, 'a read after a write')
  }
}

async function keepsEveryByteValue(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const [first, second, third] = trial.pages(3)
  const ascending = Uint8Array.from({ length: pageBytes }, (_, index) => index % 256)
  const descending = ascending.map((byte) => 255 - byte)
  // Runs of NULs, of 0xFF and of bytes that are no UTF-8, with a NUL in front.
  const runs = Uint8Array.from({ length: pageBytes }, (_, index) =>
    index === 0 ? 0 : ([0x00, 0xff, 0xc3, 0x0d, 0x0a, 0x1a, 0x80][(index >> 4) % 7] ?? 0),
  )
  for (const [range, bytes, what] of [
    [first, ascending, 'bytes 0, 1, 2 … 255'],
    [second, descending, 'bytes 255, 254 … 0'],
    [third, runs, 'runs of NUL, 0xFF, 0xC3, CR, LF, 0x1A, 0x80'],
  ] as const) {
    await subject.write(range!.offset, bytes)
    await subject.expectBytes(range!.offset, bytes, what)
  }
}

async function changesNothingBeside(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const { offset } of trial.pages(7)) {
    const page = trial.random.bytes(pageBytes)
    await subject.write(offset, page)
    bytes.set(page, offset)
  }
  await trial.expectWhole(bytes, 'the data set after writes of single pages')
}

async function writesTail(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const tail = trial.tail()
  const before = trial.random.bytes(pageBytes)
  await subject.write(tail.offset - pageBytes, before)
  const bytes = trial.random.bytes(tail.byteLength)
  await subject.write(tail.offset, bytes)
  await subject.expectBytes(tail.offset, bytes, 'the tail')
  const both = new Uint8Array([...before, ...bytes])
  await subject.expectBytes(tail.offset - pageBytes, both, 'the last page with the tail')
  const changed = both.map((byte) => byte ^ 0x55)
  await subject.write(tail.offset - pageBytes, changed)
  await subject.expectBytes(tail.offset - pageBytes, changed, 'page and tail in one call')
}

async function replaces(trial: Trial): Promise<void> {
  const { subject } = trial
  for (const { offset, byteLength } of trial.pages(3)) {
    let bytes = new Uint8Array()
    for (let round = 0; round < 3; round++) {
      bytes = trial.random.bytes(byteLength) as Uint8Array<ArrayBuffer>
      await subject.write(offset, bytes)
    }
    await subject.expectBytes(offset, bytes, 'a page that was written three times')
    await subject.write(offset, new Uint8Array(byteLength))
    await subject.expectBytes(offset, new Uint8Array(byteLength), 'a page of zeros over others')
  }
}

async function takesLongCalls(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const { callBytesMax } = subject.store.capabilities
  const longest = Math.min(callBytesMax, trial.wholeBytes)
  const lengths = [Math.max(pageBytes, longest - (longest % pageBytes))]
  const pagePower = 2 ** Math.ceil(Math.log2(Math.max(callBytesMax + 1, pageBytes)))
  if (pagePower <= Math.min(subject.byteLength, onePageBytesMax)) {
    lengths.push(pagePower)
  }
  for (const byteLength of lengths) {
    const bytes = trial.random.bytes(byteLength)
    await subject.write(0, bytes)
    await subject.expectBytes(0, bytes, `one call of ${byteLength} bytes`)
  }
}

async function leavesSource(trial: Trial): Promise<void> {
  const { subject } = trial
  for (const { offset, byteLength } of trial.pages(3)) {
    const bytes = trial.random.bytes(byteLength)
    const source = bytes.slice()
    await subject.startWrite(offset, source).settled
    expectBytes(source, bytes, offset, 'the source after the write')
  }
}

async function forgetsSource(trial: Trial): Promise<void> {
  const { subject } = trial
  const written: { offset: number; bytes: Uint8Array }[] = []
  const source = new Uint8Array(trial.pageBytes)
  for (const { offset } of trial.pages(6)) {
    const bytes = trial.random.bytes(source.byteLength)
    source.set(bytes)
    await subject.startWrite(offset, source).settled
    source.fill(0xee)
    written.push({ offset, bytes })
  }
  await subject.letOthersRun()
  await subject.flush()
  for (const { offset, bytes } of written) {
    await subject.expectBytes(offset, bytes, 'bytes whose source was used again after the write')
  }
}

// As many calls in flight as the store says it wants. Ranges never overlap, as the engine has it.

import { expectBytes, fail, show } from '../expect.ts'
import type { StartedCall } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { ByteRange, Trial } from '../trial.ts'

const concurrencyTested = 64
const contract =
  'up to concurrencyMax calls are in flight together, on ranges that do not overlap where one is' +
  ' written; each has its own result.'

/** Tests of calls in flight together. */
export const concurrency: TestGroup = {
  name: 'calls in flight together',
  tests: [
    { name: 'read each their own bytes', contract, needs: ['writable'], run: readTheirOwn },
    { name: 'agree with calls one by one', contract, run: agreeWithSingleCalls },
    { name: 'write each their own bytes', contract, needs: ['writable'], run: writeTheirOwn },
    { name: 'read and write side by side', contract, needs: ['writable'], run: readBesideWrite },
    {
      name: 'may be flushes too',
      contract:
        'flush may be called while writes are in flight, and while another flush is; it covers' +
        ' every write that resolved before.',
      needs: ['writable'],
      run: flushesBesideWrites,
    },
  ],
}

async function readTheirOwn(trial: Trial): Promise<void> {
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const ranges of batches(trial)) {
    await readTogether(trial, ranges, (range) => partOf(bytes, range))
  }
}

async function agreeWithSingleCalls(trial: Trial): Promise<void> {
  const { subject } = trial
  const [ranges = []] = batches(trial)
  const alone: Uint8Array[] = []
  for (const { offset, byteLength } of ranges) {
    alone.push(await subject.bytes(offset, byteLength))
  }
  await readTogether(trial, ranges, (_range, index) => alone[index]!)
}

async function writeTheirOwn(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const ranges of batches(trial)) {
    renew(trial, bytes, ranges)
    await allOk(
      ranges.map((range) => subject.startWrite(range.offset, partOf(bytes, range).slice())),
      `one of ${ranges.length} writes in flight together`,
    )
  }
  await trial.expectWhole(bytes, 'bytes that were written by calls in flight together')
}

async function readBesideWrite(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const ranges of batches(trial)) {
    const writes = ranges.filter((_range, index) => index % 2 === 0)
    const reads = ranges.filter((_range, index) => index % 2 === 1)
    renew(trial, bytes, writes)
    // Both are started before either is waited for.
    const written = writes.map((range) =>
      subject.startWrite(range.offset, partOf(bytes, range).slice()),
    )
    const read = readTogether(trial, reads, (range) => partOf(bytes, range))
    await Promise.all([allOk(written, 'a write beside reads'), read])
  }
  await trial.expectWhole(bytes, 'bytes that were written beside reads')
}

async function flushesBesideWrites(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const ranges of batches(trial)) {
    renew(trial, bytes, ranges)
    const writes = ranges.map((range) =>
      subject.startWrite(range.offset, partOf(bytes, range).slice()),
    )
    const flushes = [1, 2].map(() => subject.start('flush', () => subject.store.flush?.()))
    await allOk([...writes, ...flushes], 'a write or a flush beside it')
  }
  await subject.flush()
  await trial.reopen()
  await trial.expectWhole(bytes, 'bytes that were written beside flushes, after the last of them')
}

/** The whole data set, in batches of as many neighbouring calls as the store wants in flight. */
function batches(trial: Trial): ByteRange[][] {
  const { concurrencyMax } = trial.subject.store.capabilities
  const count = Math.min(concurrencyMax, concurrencyTested)
  const calls = trial.calls(trial.pageBytes)
  const list: ByteRange[][] = []
  // Enough to meet every chunk a few times, and not all pages of a large data set.
  const step = Math.max(count, Math.ceil(calls.length / 16))
  for (let first = 0; first < calls.length; first += step) {
    list.push(calls.slice(first, first + count))
  }
  return list
}

async function readTogether(
  trial: Trial,
  ranges: readonly ByteRange[],
  expectedOf: (range: ByteRange, index: number) => Uint8Array,
): Promise<void> {
  const { subject } = trial
  const reads = ranges.map((range, index) => {
    const expected = expectedOf(range, index)
    const target = expected.map((byte) => byte ^ 0xff)
    return { range, expected, target, call: subject.startRead(range.offset, target) }
  })
  const what = `one of ${ranges.length} reads in flight together`
  for (const { range, expected, target, call } of reads) {
    const result = await call.settled
    if (!result.ok) {
      fail(`${what} was rejected with ${show(result.reason)}`, result.reason)
    }
    const found = result.value === 'hole' ? new Uint8Array(range.byteLength) : target
    expectBytes(found, expected, range.offset, what)
  }
}

async function allOk(calls: readonly StartedCall<unknown>[], what: string): Promise<void> {
  for (const { settled } of calls) {
    const result = await settled
    if (!result.ok) {
      fail(`${what} was rejected with ${show(result.reason)}`, result.reason)
    }
  }
}

/** Other bytes in these ranges. */
function renew(trial: Trial, bytes: Uint8Array, ranges: readonly ByteRange[]): void {
  for (const { offset, byteLength } of ranges) {
    bytes.set(trial.random.bytes(byteLength), offset)
  }
}

function partOf(bytes: Uint8Array, { offset, byteLength }: ByteRange): Uint8Array {
  return bytes.subarray(offset, offset + byteLength)
}

// What flush promises, as far as closing and opening again can show it; groups/crashes.ts goes on.

import { flushBesideAnother } from '../overlapping-flushes.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

/** What the test here and the one that kills demand of flushes that overlap. */
export const contractOfOverlappingFlushes =
  'flush covers every write that resolved before it, also what a flush that is under way has taken:' +
  ' it must not resolve before that is durable.'

/** Tests of `flush` and of opening again. */
export const durability: TestGroup = {
  name: 'flush',
  tests: [
    {
      name: 'keeps what was written before it',
      contract: 'flush covers every write that resolved before it; opening again finds the bytes.',
      needs: ['writable'],
      run: keepsWrites,
    },
    {
      name: 'keeps what was written before it though others are being written',
      contract:
        'flush covers every write that resolved before it, whatever is in flight beside it; of' +
        ' that it may keep any part.',
      needs: ['writable'],
      run: keepsWritesBesideOthers,
    },
    {
      name: 'beside another waits for what that one has taken',
      contract: contractOfOverlappingFlushes,
      needs: ['writable'],
      run: waitsForAnother,
    },
    {
      name: 'keeps what was discarded before it',
      contract: 'flush covers every discard that resolved before it.',
      needs: ['writable', 'discard'],
      run: keepsDiscards,
    },
    {
      name: 'may have nothing to do',
      contract: 'flush without a write before it resolves, and may be repeated.',
      needs: ['writable'],
      run: nothingToDo,
    },
    {
      name: 'keeps what several openings wrote',
      contract: 'a data set can be opened, written, flushed and closed again and again.',
      needs: ['writable'],
      run: severalOpenings,
    },
  ],
}

async function keepsWrites(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  await subject.flush()
  // Once more over some of it: a flush must not keep the first bytes only.
  for (const { offset } of trial.pages(5)) {
    const page = trial.random.bytes(pageBytes)
    await subject.write(offset, page)
    bytes.set(page, offset)
  }
  await subject.flush()
  await trial.reopen()
  await trial.expectWhole(bytes, 'the data set, flushed and opened again')
}

async function keepsWritesBesideOthers(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  await trial.prepareBytes()
  const { concurrencyMax } = subject.store.capabilities
  const [first, ...others] = trial.pages(Math.min(concurrencyMax, 8) + 1)
  const page = trial.random.bytes(pageBytes)
  await subject.write(first!.offset, page)
  const writes = others.map(({ offset }) =>
    subject.startWrite(offset, trial.random.bytes(pageBytes)),
  )
  await subject.flush()
  for (const { settled } of writes) {
    await settled
  }
  // Not flushed again: only the first page is sure to be there.
  const again = await trial.reopen()
  await again.expectBytes(first!.offset, page, 'a page that was written before the flush')
}

// A reader beside the writer sees what is missing, where the first flush is under way for as long as
// it takes to open it. Closing the writer would wait for that flush.
async function waitsForAnother(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  await flushBesideAnother(() => subject.flush())
  const reader = await trial.openReaderBeside()
  for (const { offset, byteLength } of trial.pages(5)) {
    const page = bytes.subarray(offset, offset + byteLength)
    await reader.expectBytes(offset, page, 'a page, read when a flush beside another had resolved')
  }
  await reader.close()
}

async function keepsDiscards(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  await subject.flush()
  for (const [first, count] of [
    [1, 1],
    [4, 6],
  ] as const) {
    await subject.discard(first * pageBytes, count * pageBytes)
    bytes.fill(0, first * pageBytes, (first + count) * pageBytes)
  }
  await subject.flush()
  await trial.reopen()
  await trial.expectWhole(bytes, 'the data set, discarded in part and opened again')
}

async function nothingToDo(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  await subject.flush()
  await subject.flush()
  const [first] = trial.pages(1)
  const bytes = trial.random.bytes(pageBytes)
  await subject.write(first!.offset, bytes)
  await subject.flush()
  await subject.flush()
  const again = await trial.reopen()
  await again.expectBytes(first!.offset, bytes, 'a page, flushed twice and opened again')
}

async function severalOpenings(trial: Trial): Promise<void> {
  const { pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  await trial.subject.flush()
  for (let opening = 0; opening < 3; opening++) {
    await trial.reopen()
    const { offset } = trial.pages(5)[opening + 1]!
    const page = trial.random.bytes(pageBytes)
    await trial.subject.write(offset, page)
    await trial.subject.flush()
    bytes.set(page, offset)
  }
  await trial.reopen()
  await trial.expectWhole(bytes, 'a data set that was written by four openings')
}

// Stores that cannot be written, or were opened so: nothing that is called changes a byte.

import { openStoreRef } from '@umap/store'
import { expectThat } from '../expect.ts'
import { Subject } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const contract =
  'a store whose capabilities.writable is false rejects write and discard (STORE_READ_ONLY), or has' +
  ' no such functions, and never changes.'

/** Tests of stores without write access. */
export const readOnly: TestGroup = {
  name: 'read-only stores',
  tests: [
    {
      name: 'refuse to be written',
      contract,
      run: refuseWrites,
    },
    {
      name: 'see what was flushed',
      contract: 'an opening after a flush sees its bytes, whatever access it has.',
      needs: ['writable'],
      run: seeWhatWasFlushed,
    },
    {
      name: "are what access 'read-only' opens",
      contract: "opened with { access: 'read-only' }, a store says writable: false.",
      needs: ['writable', 'ref'],
      run: openedAsAsked,
    },
  ],
}

async function refuseWrites(trial: Trial): Promise<void> {
  const { pageBytes } = trial
  const before = await trial.prepareBytes()
  const subject = await openReadOnly(trial)
  const { store } = subject
  for (const { offset } of trial.pages(3)) {
    const bytes = new Uint8Array(pageBytes).fill(0x77)
    if (store.write !== undefined) {
      const { settled } = subject.startWrite(offset, bytes)
      expectThat(!(await settled).ok, `write of ${pageBytes} bytes at ${offset} was not rejected`)
    }
    if (store.discard !== undefined) {
      const { settled } = subject.start('discard', () => store.discard?.(offset, pageBytes))
      expectThat(!(await settled).ok, `discard of ${pageBytes} bytes at ${offset} was not rejected`)
    }
  }
  // There is nothing to make durable, which is no failure.
  await subject.flush()
  await trial.expectWhole(before, 'the read-only store after writes that it had to refuse')
  await trial.reopen('read-only')
  await trial.expectWhole(before, 'the same, opened again')
}

async function seeWhatWasFlushed(trial: Trial): Promise<void> {
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  await trial.subject.flush()
  await trial.reopen('read-only')
  await trial.expectWhole(bytes, 'the data set, opened read-only')
}

async function openedAsAsked(trial: Trial): Promise<void> {
  const { subject, options } = trial
  await subject.close()
  const store = await openStoreRef(trial.ref(), { access: 'read-only' })
  const opened = new Subject(store, options.deadlineMs)
  const { writable } = store.capabilities
  await opened.close()
  expectThat(!writable, "capabilities.writable is true though access is 'read-only'")
}

async function openReadOnly(trial: Trial): Promise<Subject> {
  const subject = await trial.reopen('read-only')
  return subject.store.capabilities.writable
    ? trial.skip("reopen gives a writable store though it is asked for 'read-only'")
    : subject
}

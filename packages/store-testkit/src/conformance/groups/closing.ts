// The end of a store: idempotent, after everything that is in flight, and for good.

import { expectBytes, expectThat } from '../expect.ts'
import type { StartedCall } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { ByteRange, Trial } from '../trial.ts'

const callsInFlightMax = 12

/** Tests of `close`. */
export const closing: TestGroup = {
  name: 'close',
  tests: [
    {
      name: 'may be called twice',
      contract: 'close is idempotent: further calls resolve too, together or one after another.',
      run: mayBeCalledTwice,
    },
    {
      name: 'waits for calls in flight',
      contract: 'close resolves when every call in flight has settled, and not before.',
      run: waitsForCalls,
    },
    {
      name: 'leaves targets of calls in flight alone when it has resolved',
      contract: 'the memory that a call was given is not touched once the store is closed.',
      run: leavesTargets,
    },
    {
      name: 'makes later calls fail',
      contract: 'calls after close are rejected (STORE_CLOSED).',
      run: laterCallsFail,
    },
  ],
}

async function mayBeCalledTwice(trial: Trial): Promise<void> {
  const { subject } = trial
  const { store } = subject
  const closes = [1, 2].map(() => subject.start('close', () => store.close()))
  for (const { settled } of closes) {
    expectThat((await settled).ok, 'one of two calls of close together was rejected')
  }
  expectThat(
    (await subject.start('close', () => store.close()).settled).ok,
    'close of a closed store was rejected',
  )
}

async function waitsForCalls(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = await trial.prepareBytes()
  const { writable } = subject.store.capabilities
  const calls = rangesInFlight(trial).map((range, index) => {
    if (writable && index % 2 === 0) {
      return subject.startWrite(range.offset, trial.random.bytes(range.byteLength))
    }
    return subject.startRead(range.offset, new Uint8Array(range.byteLength))
  })
  await subject.close()
  // What depends on a call's own promise may run a moment after those who wait for it.
  await new Promise((resolve) => setImmediate(resolve))
  const late = calls.filter((call) => !call.isSettled())
  expectThat(
    late.length === 0,
    () => `close resolved while ${late.length} of ${calls.length} calls were in flight`,
  )
  // Writes may have been refused; what was there must not have been lost with them.
  await trial.openAgain()
  const [untouched] = trial.calls(trial.pageBytes).slice(1)
  const { offset, byteLength } = untouched!
  const expected = bytes.subarray(offset, offset + byteLength)
  await trial.subject.expectBytes(offset, expected, 'a flushed page that no call touched')
}

async function leavesTargets(trial: Trial): Promise<void> {
  const { subject } = trial
  const bytes = await trial.prepareBytes()
  const reads = rangesInFlight(trial).map(({ offset, byteLength }) => {
    const target = new Uint8Array(byteLength).fill(0xaa)
    return { offset, target, call: subject.startRead(offset, target) }
  })
  await subject.close()
  for (const { offset, target, call } of reads) {
    const result = await call.settled
    if (result.ok) {
      const expected = bytes.subarray(offset, offset + target.byteLength)
      const found = result.value === 'hole' ? new Uint8Array(target.byteLength) : target
      expectBytes(found, expected, offset, 'a read that resolved beside close')
    }
    target.fill(0xbb)
  }
  await subject.letOthersRun()
  for (const { offset, target } of reads) {
    expectThat(
      target.every((byte) => byte === 0xbb),
      `the target of a read at ${offset} was changed after close had resolved`,
    )
  }
}

async function laterCallsFail(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  const { store } = subject
  const { writable } = store.capabilities
  await subject.close()
  const calls: Readonly<Record<string, StartedCall<unknown>>> = {
    read: subject.startRead(0, new Uint8Array(pageBytes)),
    ...(writable && {
      write: subject.startWrite(0, new Uint8Array(pageBytes)),
      ...(store.flush && { flush: subject.start('flush', () => store.flush?.()) }),
      ...(store.discard && {
        discard: subject.start('discard', () => store.discard?.(0, pageBytes)),
      }),
    }),
  }
  for (const [name, { settled }] of Object.entries(calls)) {
    expectThat(!(await settled).ok, `${name} after close was not rejected`)
  }
}

/** As many pages as the store wants calls in flight, without the second page. */
function rangesInFlight(trial: Trial): ByteRange[] {
  const { concurrencyMax } = trial.subject.store.capabilities
  const ranges = trial.pages(Math.min(concurrencyMax, callsInFlightMax))
  return ranges.filter(({ offset }) => offset !== trial.pageBytes)
}

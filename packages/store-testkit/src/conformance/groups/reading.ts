// Reading: every byte of the target, nothing beside it, and an answer that cannot be a short read.

import { expectBytes, expectThat, fail, show } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const guardBytes = 512

/** Tests of `read` that need no write. */
export const reading: TestGroup = {
  name: 'reading',
  tests: [
    {
      name: 'gives the same bytes in calls of every size',
      contract: 'read fills all of target with the bytes from offset on, or rejects.',
      run: sameBytesInEverySize,
    },
    {
      name: 'gives the bytes that the data set is known to have',
      contract: 'read fills all of target with the bytes from offset on.',
      run: knownContents,
    },
    {
      name: 'touches nothing beside its target',
      contract: 'read fills target, which is a part of memory that belongs to others.',
      run: touchesNothingBeside,
    },
    {
      name: 'does not touch its target once it has settled',
      contract: 'target is memory that others use as soon as the call has settled.',
      run: forgetsTarget,
    },
    {
      name: 'answers with nothing or hole',
      contract: "read resolves to nothing or to 'hole'; a count of bytes would hide a short read.",
      run: answersNothingOrHole,
    },
  ],
}

async function sameBytesInEverySize(trial: Trial): Promise<void> {
  const { pageBytes } = trial
  await trial.prepareBytes()
  const sizes = [pageBytes, 3 * pageBytes, 8 * pageBytes, 2 ** 20]
  const [first, ...others] = sizes.filter((size) => size <= callBytesMax(trial))
  const bytes = await readWhole(trial, first ?? pageBytes, 0xa5)
  for (const size of [first ?? pageBytes, ...others]) {
    const again = await readWhole(trial, size, 0x5a)
    expectBytes(again, bytes, 0, `reads of ${size} bytes do not agree with those of ${pageBytes}`)
  }
}

async function knownContents(trial: Trial): Promise<void> {
  const { contents } = trial.options
  if (contents === undefined) {
    trial.skip('the option contents is not given')
  }
  const whole = await readWhole(trial, 2 * trial.pageBytes, 0xa5)
  const known = contents.subarray(0, whole.byteLength)
  expectBytes(whole.subarray(0, known.byteLength), known, 0, 'the data set')
}

async function touchesNothingBeside(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  await trial.prepareBytes()
  const ranges = [...trial.pages(3), ...trial.calls(2 * pageBytes).slice(-1)]
  for (const { offset, byteLength } of ranges) {
    const memory = new Uint8Array(byteLength + 2 * guardBytes).fill(0xa5)
    const target = memory.subarray(guardBytes, guardBytes + byteLength)
    const { settled } = subject.startRead(offset, target)
    const result = await settled
    if (!result.ok) {
      fail(`read of ${byteLength} bytes at ${offset} was rejected with ${show(result.reason)}`)
    }
    const guard = new Uint8Array(guardBytes).fill(0xa5)
    const behind = memory.subarray(guardBytes + byteLength)
    const what = `read of ${byteLength} bytes at ${offset} changed memory`
    expectBytes(memory.subarray(0, guardBytes), guard, 0, `${what} before its target`)
    expectBytes(behind, guard, 0, `${what} behind its target`)
  }
}

async function forgetsTarget(trial: Trial): Promise<void> {
  const { subject } = trial
  await trial.prepareBytes()
  const target = new Uint8Array(trial.pageBytes)
  for (const { offset } of trial.pages(4)) {
    await subject.startRead(offset, target).settled
    target.fill(0xbb)
    await subject.letOthersRun()
    expectThat(
      target.every((byte) => byte === 0xbb),
      `the target of a read of ${target.byteLength} bytes at ${offset} changed after it had settled`,
    )
  }
}

async function answersNothingOrHole(trial: Trial): Promise<void> {
  const { subject } = trial
  await trial.prepareBytes()
  for (const { offset, byteLength } of trial.pages(4)) {
    const answer: unknown = await subject.do('read', () =>
      subject.store.read(offset, new Uint8Array(byteLength), {
        signal: new AbortController().signal,
      }),
    )
    expectThat(
      answer === undefined || answer === 'hole',
      () => `read of ${byteLength} bytes at ${offset} resolved to ${show(answer)}`,
    )
  }
}

async function readWhole(trial: Trial, callBytes: number, filler: number): Promise<Uint8Array> {
  const whole = new Uint8Array(trial.wholeBytes)
  for (const { offset, byteLength } of trial.calls(callBytes)) {
    whole.set(await trial.subject.bytes(offset, byteLength, filler), offset)
  }
  return whole
}

function callBytesMax(trial: Trial): number {
  return Math.max(trial.pageBytes, trial.subject.store.capabilities.callBytesMax)
}

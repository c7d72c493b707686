// Signals: a store may ignore them, but when a call has settled its memory belongs to others again.

import { expectBytes, expectThat, show } from '../expect.ts'
import type { Settled } from '../subject.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

/** Tests of `options.signal`. */
export const aborting: TestGroup = {
  name: 'an aborted call',
  tests: [
    {
      name: 'reads all of its bytes or is rejected with the reason of its signal',
      contract:
        'a store may ignore the signal, and fill all of target; one that obeys it rejects with' +
        ' signal.reason itself.',
      run: readsOrRejects,
    },
    {
      name: 'leaves its target alone once it has settled',
      contract: 'an aborted read settles only when it has stopped using target.',
      run: leavesTarget,
    },
    {
      name: 'leaves its source alone once it has settled',
      contract: 'an aborted write settles only when it has stopped using source.',
      needs: ['writable'],
      run: leavesSource,
    },
    {
      name: 'is no obstacle to the next',
      contract: 'the engine writes a range again after a rejection, and that write counts.',
      needs: ['writable'],
      run: noObstacle,
    },
  ],
}

// When a call is aborted, from before it begins until it has most likely ended.
const moments: readonly [string, (() => Promise<void>) | undefined][] = [
  ['before it began', undefined],
  ['at once', async () => undefined],
  ['a turn later', () => new Promise((resolve) => setImmediate(resolve))],
  ['a millisecond later', () => new Promise((resolve) => setTimeout(resolve, 1))],
]

async function readsOrRejects(trial: Trial): Promise<void> {
  const bytes = await trial.prepareBytes()
  for (const [index, { offset, byteLength }] of trial.pages(moments.length).entries()) {
    const expected = bytes.subarray(offset, offset + byteLength)
    const target = expected.map((byte) => byte ^ 0xff)
    const { result, reason, moment } = await readAndAbort(trial, index, offset, target)
    if (result.ok) {
      const found = result.value === 'hole' ? new Uint8Array(byteLength) : target
      expectBytes(found, expected, offset, `a read that was aborted ${moment} and resolved`)
    } else {
      // A passing failure, of a network say, may come just before the signal is looked at.
      const { retryable } = Object(result.reason) as { retryable?: unknown }
      expectThat(
        result.reason === reason || retryable === true,
        () => `a read that was aborted ${moment} was rejected with ${show(result.reason)}`,
      )
    }
  }
}

async function leavesTarget(trial: Trial): Promise<void> {
  const { subject } = trial
  await trial.prepareBytes()
  for (const [index, { offset, byteLength }] of trial.pages(moments.length).entries()) {
    const target = new Uint8Array(byteLength).fill(0xaa)
    const { moment } = await readAndAbort(trial, index, offset, target)
    target.fill(0xbb)
    await subject.letOthersRun()
    expectThat(
      target.every((byte) => byte === 0xbb),
      `the target of a read that was aborted ${moment} changed after the call had settled`,
    )
  }
}

async function leavesSource(trial: Trial): Promise<void> {
  const { subject } = trial
  for (const [index, { offset, byteLength }] of trial.pages(moments.length).entries()) {
    const before = new Uint8Array(byteLength).fill(0xaa)
    await subject.write(offset, before)
    const source = new Uint8Array(byteLength).fill(0xbb)
    const moment = await writeAndAbort(trial, index, offset, source)
    // Bytes that nobody asked to write: a store that still looks at its source picks them up.
    source.fill(0xee)
    await subject.letOthersRun()
    await subject.flush()
    const found = await subject.bytes(offset, byteLength, 0xaa)
    const at = found.findIndex((byte) => byte !== 0xaa && byte !== 0xbb)
    expectThat(
      at < 0,
      `byte ${offset + at} is ${found[at]} after a write that was aborted ${moment}; the page was` +
        ' 170, the write brought 187, and 238 came into source when the call had settled',
    )
  }
}

async function noObstacle(trial: Trial): Promise<void> {
  const { subject } = trial
  for (const [index, { offset, byteLength }] of trial.pages(moments.length).entries()) {
    await writeAndAbort(trial, index, offset, new Uint8Array(byteLength).fill(0xbb))
    const bytes = trial.random.bytes(byteLength)
    await subject.write(offset, bytes)
    await subject.letOthersRun()
    await subject.flush()
    await subject.expectBytes(offset, bytes, 'a page whose first write was aborted')
  }
}

async function readAndAbort(
  trial: Trial,
  index: number,
  offset: number,
  target: Uint8Array,
): Promise<{ result: Settled<unknown>; reason: unknown; moment: string }> {
  const { controller, reason, moment, abortLater } = prepare(index)
  const { settled } = trial.subject.startRead(offset, target, controller.signal)
  await abortLater()
  return { result: await settled, reason, moment }
}

async function writeAndAbort(
  trial: Trial,
  index: number,
  offset: number,
  source: Uint8Array,
): Promise<string> {
  const { controller, moment, abortLater } = prepare(index)
  const { settled } = trial.subject.startWrite(offset, source, controller.signal)
  await abortLater()
  await settled
  return moment
}

function prepare(index: number) {
  const [moment, wait] = moments[index % moments.length]!
  const controller = new AbortController()
  const reason = new Error(`nobody waits any more (aborted ${moment})`)
  if (wait === undefined) {
    controller.abort(reason)
  }
  const abortLater = async () => {
    await wait?.()
    controller.abort(reason)
  }
  return { controller, reason, moment, abortLater }
}

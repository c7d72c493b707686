// Calls outside of the data set: rejected, and without effect.

import { expectThat } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

const contract =
  'offset and length are safe integers from 0 on and never reach past byteLength; a store rejects' +
  ' any other call (STORE_RANGE) and changes nothing.'

/** Tests of ranges that are not inside of the data set. */
export const ranges: TestGroup = {
  name: 'ranges',
  tests: [
    { name: 'outside are refused by read', contract, run: refusedByRead },
    { name: 'outside are refused by write', contract, needs: ['writable'], run: refusedByWrite },
    {
      name: 'outside are refused by discard',
      contract,
      needs: ['writable', 'discard'],
      run: refusedByDiscard,
    },
  ],
}

/** Ranges that are not inside of `byteLength` bytes: `[offset, byteLength]`. */
export function rangesOutside(
  byteLength: number,
  pageBytes: number,
): ReadonlyArray<readonly [number, number]> {
  const lastPage = byteLength - (byteLength % pageBytes || pageBytes)
  return [
    [byteLength, 1],
    [byteLength, pageBytes],
    [lastPage, byteLength - lastPage + 1],
    [lastPage, byteLength - lastPage + pageBytes],
    [byteLength + 8 * pageBytes, pageBytes],
    [2 ** 52, pageBytes],
    [-1, pageBytes],
    [-pageBytes, pageBytes],
    [0.5, pageBytes],
    [Number.NaN, pageBytes],
  ]
}

async function refusedByRead(trial: Trial): Promise<void> {
  const { subject, pageBytes } = trial
  for (const [offset, byteLength] of rangesOutside(subject.byteLength, pageBytes)) {
    const result = await subject.startRead(offset, new Uint8Array(byteLength)).settled
    expectThat(!result.ok, `read of ${byteLength} bytes at ${offset} of ${subject.byteLength}`)
  }
}

async function refusedByWrite(trial: Trial): Promise<void> {
  await refusedWithoutEffect(trial, 'write', (offset, byteLength) =>
    trial.subject.startWrite(offset, new Uint8Array(byteLength).fill(0x77)),
  )
}

async function refusedByDiscard(trial: Trial): Promise<void> {
  const { subject } = trial
  await refusedWithoutEffect(trial, 'discard', (offset, byteLength) =>
    subject.start('discard', () => subject.store.discard?.(offset, byteLength)),
  )
}

async function refusedWithoutEffect(
  trial: Trial,
  name: string,
  start: (offset: number, byteLength: number) => ReturnType<typeof trial.subject.start>,
): Promise<void> {
  const { subject, pageBytes } = trial
  const bytes = trial.random.bytes(trial.wholeBytes)
  await trial.writeWhole(bytes)
  for (const [offset, byteLength] of rangesOutside(subject.byteLength, pageBytes)) {
    const result = await start(offset, byteLength).settled
    expectThat(
      !result.ok,
      `${name} of ${byteLength} bytes at ${offset} of ${subject.byteLength} was not rejected`,
    )
  }
  await trial.expectWhole(bytes, `the data set after calls of ${name} that were refused`)
}

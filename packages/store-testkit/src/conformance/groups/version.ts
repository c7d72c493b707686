// The version of the bytes, for stores that have one.

import { expectThat, show } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

/** Tests of `version`. */
export const version: TestGroup = {
  name: 'version',
  tests: [
    {
      name: 'is the same for the same bytes',
      contract:
        'version is a string that is not empty, and two openings between which nothing was' +
        ' written have the same one.',
      needs: ['version'],
      run: sameForSameBytes,
    },
    {
      name: 'of a writer is another one when it has flushed',
      contract:
        'version names the durable bytes: a store shows another one once the flush of other bytes' +
        ' has resolved.',
      needs: ['version', 'writable'],
      run: otherAfterFlush,
    },
    {
      name: 'is another one when others have written',
      contract: 'two openings with the same version saw the same bytes.',
      needs: ['version', 'writable'],
      run: otherForOtherBytes,
    },
  ],
}

/** The version of an open store, undefined where it has none. */
export function versionOf(store: object): unknown {
  return Reflect.get(store, 'version')
}

async function sameForSameBytes(trial: Trial): Promise<void> {
  await prepareBytes(trial)
  const before = versionOf(trial.subject.store)
  expectThat(
    typeof before === 'string' && before !== '',
    () => `version is ${show(before)}, which is no text`,
  )
  const again = await trial.reopen()
  await trial.readWhole()
  expectThat(
    versionOf(again.store) === before,
    () => `version was '${before}' and is '${versionOf(again.store)}' for the same bytes`,
  )
}

async function otherForOtherBytes(trial: Trial): Promise<void> {
  await prepareBytes(trial)
  const seen = new Set<unknown>([versionOf(trial.subject.store)])
  const [first] = trial.pages(1)
  for (let round = 1; round <= 3; round++) {
    const writer = await trial.reopen()
    await writer.write(first!.offset, trial.random.bytes(first!.byteLength))
    await writer.flush()
    const reader = await trial.reopen('read-only')
    const found = versionOf(reader.store)
    expectThat(
      !seen.has(found),
      `version is '${found}' after ${round} changes, as it was for other bytes`,
    )
    seen.add(found)
  }
}

async function otherAfterFlush(trial: Trial): Promise<void> {
  await prepareBytes(trial)
  const before = versionOf(trial.subject.store)
  const writer = await trial.reopen()
  const [first] = trial.pages(1)
  await writer.write(first!.offset, trial.random.bytes(first!.byteLength))
  await writer.flush()
  expectThat(
    versionOf(writer.store) !== before,
    `version is '${before}' after a flush of other bytes, as it was before`,
  )
}

// Another opening than the one that wrote: the version of a writer has a test of its own.
async function prepareBytes(trial: Trial): Promise<void> {
  await trial.prepareBytes()
  await trial.reopen('read-only')
}

// What an open store says of itself.

import { isDeepStrictEqual } from 'node:util'
import { checkPageStore } from '@umap/store'
import { expectThat, fail, show } from '../expect.ts'
import type { TestGroup } from '../test-case.ts'
import type { Trial } from '../trial.ts'

/** Tests of the store's shape, size and capabilities. */
export const opening: TestGroup = {
  name: 'opening',
  tests: [
    {
      name: 'gives a store of the right shape',
      contract:
        'a PageStore has byteLength, capabilities (plain data), read and close; write where' +
        ' capabilities.writable says so; flush where it says atomicFlush.',
      run: givesRightShape,
    },
    {
      name: 'keeps capabilities and size while it is used',
      contract: 'byteLength and capabilities do not change while the store is open.',
      run: keepsCapabilities,
    },
    {
      name: 'finds the same size again',
      contract: 'nothing that is written makes a data set longer or shorter.',
      run: findsSameSize,
    },
  ],
}

async function givesRightShape(trial: Trial): Promise<void> {
  const { store } = trial.subject
  try {
    checkPageStore(store, 'the store that open gave')
  } catch (error) {
    fail(show(error), error)
  }
  const { atomicFlush } = store.capabilities
  expectThat(
    !atomicFlush || store.flush !== undefined,
    'capabilities.atomicFlush is true, but there is no flush function',
  )
}

async function keepsCapabilities(trial: Trial): Promise<void> {
  const { subject } = trial
  const { store } = subject
  const before = structuredClone(store.capabilities)
  const { byteLength } = store
  const [page] = trial.pages(1)
  const bytes = await subject.bytes(page!.offset, page!.byteLength)
  if (before.writable) {
    await subject.write(page!.offset, bytes)
    await subject.flush()
  }
  const after = structuredClone(store.capabilities)
  expectThat(
    isDeepStrictEqual(before, after),
    `capabilities were ${JSON.stringify(before)} and are ${JSON.stringify(after)} after some calls`,
  )
  expectThat(
    store.byteLength === byteLength,
    `byteLength was ${byteLength} and is ${store.byteLength} after some calls`,
  )
}

async function findsSameSize(trial: Trial): Promise<void> {
  const { subject } = trial
  const { byteLength } = subject
  if (subject.store.capabilities.writable) {
    // The part that is no whole page is where a store may write too much.
    const offset = byteLength - (byteLength % trial.pageBytes || trial.pageBytes)
    await subject.write(offset, trial.random.bytes(byteLength - offset))
    await subject.flush()
  }
  const again = await trial.reopen()
  expectThat(
    again.byteLength === byteLength,
    `byteLength was ${byteLength}; after writing the end and opening again: ${again.byteLength}`,
  )
}

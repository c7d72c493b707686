// The suite finds a planted bug of each kind, with the tests that are about it and no others.

import { describe, expect, it } from 'vitest'
import type { BrokenStore } from './broken/broken-store.ts'
import { type Disk, emptyDisk, SoundStore } from './broken/sound-store.ts'
import { storesWithWrongAnswers } from './broken/wrong-answers.ts'
import { storesWithWrongBytes } from './broken/wrong-bytes.ts'
import { storesWithWrongEnds } from './broken/wrong-ends.ts'
import { collectConformance, failuresOf } from './collecting-runner.ts'

const brokenStores = [...storesWithWrongBytes, ...storesWithWrongEnds, ...storesWithWrongAnswers]

function runOn(Store: BrokenStore['Store']) {
  const disks = new Map<string, Disk>()
  return collectConformance({
    seed: 1,
    byteLength: 24 * 4096 + 1237,
    secrets: ['hunter2'],
    open: ({ id, byteLength, access }) => {
      const disk = emptyDisk(byteLength)
      disks.set(id, disk)
      return new Store(disk, access)
    },
    reopen: ({ id, access }) => new Store(disks.get(id)!, access),
  })
}

it('a sound store passes', async () => {
  const results = await runOn(SoundStore)
  expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([])
  expect(results.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(40)
})

describe('a store that', () => {
  it.each(brokenStores.map((broken) => [broken.bug, broken] as const))(
    '%s is found',
    async (_bug, { Store, foundBy }) => {
      const results = await runOn(Store)
      expect(failuresOf(results)).toEqual(foundBy)
      for (const { outcome, message } of results) {
        expect(outcome !== 'failed' || message.includes('The contract: ')).toBe(true)
      }
    },
  )
})

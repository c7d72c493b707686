// Writers of data sets on the fake are killed: what is left is the state of a completed flush, and
// nothing beside it.

import { describe, expect, it } from 'vitest'
import { useFake } from '../fake/use-fake.ts'
import { chunksWithBytes, killOften, kills, readState, seed } from './kill-writers.ts'

describe(`writers that are killed (UMAP_TEST_SEED=${seed})`, () => {
  const fake = useFake()
  const timeout = 60_000 + kills * 2_000

  it('leave-the-state-of-a-completed-flush', { timeout }, async () => {
    const where = { bucket: 'b', prefix: 'killed', client: fake.clientOptions }
    for (const options of await killOften(kills * 0.6, where, 'store')) {
      const { prefix = '' } = options
      const state = await readState(options)
      expect(fake.s3.keys('b', `${prefix}/chunks/`)).toHaveLength(chunksWithBytes(state))
      // A probe may have been under way; it goes with an opening that comes an hour later.
      const objects = fake.s3.keys('b', `${prefix}/`).filter((key) => !key.includes('/probe/'))
      expect(objects).toHaveLength(chunksWithBytes(state) + 1)
    }
  })

  it('leave-it-under-a-region-with-a-small-buffer-too', { timeout }, async () => {
    const where = { bucket: 'b', prefix: 'mapped', client: fake.clientOptions }
    await killOften(kills * 0.2, where, 'region')
  })
})

// That a run of the tests takes faults in the way that it is named for.

import { umap } from '@umap/core'
import { expect, it } from 'vitest'
import { faultMode } from './fault-ways.ts'
import { localFile, scratchFile } from './scratch.ts'

it('regions take faults in the way that this run is to show', async () => {
  await using region = await umap({ store: localFile(scratchFile(4096)), pageBytes: 4096 })
  expect(region.view(Uint8Array)[0]).toBe(0)
  expect(region.stats().faultMode).toBe(faultMode)
  if (process.env.UMAP_TEST_WAY !== undefined) expect(faultMode).toBe(process.env.UMAP_TEST_WAY)
})

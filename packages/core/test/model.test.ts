// Twenty seconds of the model test (five in each other way of taking faults) with a new seed each
// time; `npm run soak` runs it for longer.

import { expect, it } from 'vitest'
import { runModel } from './soak/model.ts'
import { modelStores } from './soak/stores/file.ts'

const durationMs = process.env.UMAP_TEST_BRIEF === undefined ? 20_000 : 5_000

it('every byte read is the store’s, every byte written reaches it', async () => {
  const seed = Number(process.env.UMAP_MODEL_SEED ?? Date.now() % 2 ** 32)
  console.log(`model test: repeat with UMAP_MODEL_SEED=${seed}`)
  const { rounds, writeBacks } = await runModel({ seed, durationMs, stores: modelStores })
  expect(rounds).toBeGreaterThan(0)
  expect(writeBacks).toBeGreaterThan(0)
}, 120_000)

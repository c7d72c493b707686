// The model test of model.test.ts over stores in the host, with a buffer far smaller than the data:
// a few seconds each with a new seed. `npm run soak -- --store NAME` runs them for longer.

import { describe, expect, it } from 'vitest'
import { runModel } from './soak/model.ts'
import { findModelStores } from './soak/stores.ts'

const durationMs = 4000
const seed = Number(process.env.UMAP_MODEL_SEED ?? Date.now() % 2 ** 32)

describe('every byte read is the store’s, every byte written reaches it', () => {
  it.each(['memory'])(
    'over %s',
    async (name) => {
      console.log(`model test over ${name}: repeat with UMAP_MODEL_SEED=${seed}`)
      const stores = await findModelStores(name)
      const { rounds, writeBacks, evictions } = await runModel({ seed, durationMs, stores })
      expect(rounds).toBeGreaterThan(0)
      expect(writeBacks).toBeGreaterThan(0)
      expect(evictions).toBeGreaterThan(0)
    },
    120_000,
  )
})

// The model test of model.test.ts over stores in the host, with a buffer far smaller than the data:
// a few seconds each with a new seed. `npm run soak -- --store NAME` runs them for longer.

import { describe, expect, it } from 'vitest'
import { runModel } from './soak/model.ts'
import { findEndpoint } from './soak/stores/s3.ts'
import { findModelStores } from './soak/stores.ts'

const durationMs = 2000
const seed = Number(process.env.UMAP_MODEL_SEED ?? Date.now() % 2 ** 32)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const hasSqlite = major > 22 || (major === 22 && minor >= 2)
// Where there is no server, the run says so at its end.
const hasServer = (await findEndpoint()) !== undefined

describe('every byte read is the store’s, every byte written reaches it', () => {
  for (const [name, canRun, stepsPerRound] of [
    ['memory', true, 200],
    ['sqlite', hasSqlite, 200],
    ['s3', hasServer, 40],
  ] as const) {
    // skipped: it needs Node 22.2 for SQLite, a server for S3
    it.skipIf(!canRun)(
      `over ${name}`,
      async () => {
        console.log(`model test over ${name}: repeat with UMAP_MODEL_SEED=${seed}`)
        const stores = await findModelStores(name)
        const summary = await runModel({ seed, durationMs, stepsPerRound, stores })
        expect(summary.rounds).toBeGreaterThan(0)
      },
      120_000,
    )
  }
})

// Writers of data sets on a real server are killed: what is left is the state of a completed flush.

import { afterAll, beforeAll, describe, it } from 'vitest'
import { s3TestServer } from '../server/s3-server.ts'
import { killOften, kills, seed } from './kill-writers.ts'

const server = await s3TestServer()

// skipped: there is no S3 server
describe.skipIf(server === undefined)(
  `writers that are killed on a real server (UMAP_TEST_SEED=${seed})`,
  () => {
    let bucket = ''
    beforeAll(async () => {
      bucket = (await server?.makeBucket()) ?? ''
    })
    afterAll(() => server?.close())

    const timeout = 60_000 + kills * 2_000
    it('leave-the-state-of-a-completed-flush', { timeout }, async () => {
      const where = { bucket, prefix: 'killed', client: server?.clientOptions ?? {} }
      await killOften(kills * 0.2, where, 'store')
    })
  },
)

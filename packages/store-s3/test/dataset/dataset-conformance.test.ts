// A data set keeps the contract: on a real server and on the fake. `kills.test.ts` kills more.

import { openStore, type S3ClientOptions, s3Store } from '@umap/store-s3'
import { type ConformanceDataSet, runStoreConformance } from '@umap/store-testkit'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { fakeCredentials } from '../fake/fake-s3.ts'
import { useFake } from '../fake/use-fake.ts'
import { s3TestServer } from '../server/s3-server.ts'

const chunkBytes = 16 * 1024
const server = await s3TestServer()

function define(
  bucketOf: () => string,
  clientOf: () => S3ClientOptions,
  secret: string,
  kills: number,
): void {
  const optionsOf = ({ id, byteLength }: ConformanceDataSet) => ({
    bucket: bucketOf(),
    prefix: `conformance/${id}`,
    byteLength,
    client: clientOf(),
  })
  runStoreConformance({
    test: { describe, it },
    name: 's3Store({ prefix })',
    // Made for writing, even where a test wants to read only.
    open: async (dataSet) => {
      const wishes = { ...optionsOf(dataSet), create: true, chunkBytes }
      const store = await openStore(wishes, { access: 'read-write' })
      if (dataSet.access === 'read-write') {
        return store
      }
      await store.close()
      return openStore(optionsOf(dataSet), { access: dataSet.access })
    },
    reopen: (dataSet) => openStore(optionsOf(dataSet), { access: dataSet.access }),
    ...(kills > 0 && { kills, ref: (dataSet) => s3Store(optionsOf(dataSet)) }),
    secrets: [secret],
  })
}

// Without a server, which the run says at its end.
// skipped: there is no S3 server
describe.skipIf(server === undefined)('a data set on a real server', () => {
  let bucket = ''
  beforeAll(async () => {
    bucket = (await server?.makeBucket()) ?? ''
  })
  afterAll(() => server?.close())

  define(
    () => bucket,
    () => server?.clientOptions ?? {},
    process.env.AWS_SECRET_ACCESS_KEY ?? '',
    1,
  )
})

describe('a data set on the fake', () => {
  const fake = useFake()
  define(
    () => 'b',
    () => fake.clientOptions,
    fakeCredentials.secretAccessKey,
    0,
  )
})

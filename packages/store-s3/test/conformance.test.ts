// An object keeps the contract: on a real server, and on the fake. The data set is made by the test,
// for the store can only read it.

import { PutObjectCommand } from '@aws-sdk/client-s3'
import { openStore, s3Store } from '@umap/store-s3'
import { runStoreConformance } from '@umap/store-testkit'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { fakeCredentials } from './fake/fake-s3.ts'
import { Pattern } from './fake/pattern.ts'
import { useFake } from './fake/use-fake.ts'
import { s3TestServer } from './server/s3-server.ts'

const contents = new Pattern(64 * 4096 + 1237, 4).slice(0, 64 * 4096 + 1237)
const server = await s3TestServer()

// Without a server, which the run says at its end.
// skipped: there is no S3 server
describe.skipIf(server === undefined)('an object on a real server', () => {
  let bucket = ''
  const optionsOf = () => ({ bucket, key: 'ein Objekt/ü+%', client: server?.clientOptions ?? {} })

  beforeAll(async () => {
    bucket = (await server?.makeBucket()) ?? ''
    const { key } = optionsOf()
    await server?.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: contents }))
  })
  afterAll(() => server?.close())

  runStoreConformance({
    test: { describe, it },
    name: 's3Store({ key })',
    open: () => openStore(optionsOf()),
    reopen: () => openStore(optionsOf()),
    ref: () => s3Store(optionsOf()),
    contents,
    secrets: [process.env.AWS_SECRET_ACCESS_KEY ?? ''],
  })
})

describe('an object on the fake', () => {
  const fake = useFake()
  const optionsOf = () => ({ bucket: 'b', key: 'k', client: fake.clientOptions })

  beforeAll(() => {
    fake.s3.put('b', 'k', contents)
  })

  runStoreConformance({
    test: { describe, it },
    name: 's3Store({ key })',
    open: () => openStore(optionsOf()),
    reopen: () => openStore(optionsOf()),
    contents,
    secrets: [fakeCredentials.secretAccessKey],
  })
})

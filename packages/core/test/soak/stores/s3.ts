// Data sets on an S3 server: the one of the test run, which boots it when it is asked, or the one
// that UMAP_TEST_S3_ENDPOINT names. Buckets are removed with the server, or stay.

import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { openStoreRef } from '@umap/store'
import { s3Store } from '@umap/store-s3'
import type { ModelStore } from '../model-store.ts'
import type { Random } from '../random.mjs'

/** See `ModelStores`. */
export async function modelStores(random: Random): Promise<ModelStore[]> {
  const endpoint = await findEndpoint()
  if (endpoint === undefined) {
    throw new Error('there is no S3 server; UMAP_TEST_S3_ENDPOINT names one')
  }
  const bucket = `umap-model-${randomUUID()}`
  const client = new S3Client({ endpoint, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  client.destroy()
  return [
    await dataSet(random, { bucket, prefix: 'small/', endpoint, chunkBytes: 2 ** 16 }),
    await dataSet(random, { bucket, prefix: 'large/', endpoint, chunkBytes: 2 ** 20 }),
  ]
}

/** The URL of a server whose credentials are in the environment; undefined where there is none. */
export async function findEndpoint(): Promise<string | undefined> {
  const { UMAP_TEST_S3_ENDPOINT: named, UMAP_TEST_S3_CONTROL: control } = process.env
  process.env.AWS_REGION ??= 'us-east-1'
  if (named !== undefined || control === undefined) {
    return named
  }
  const socket = connect(control)
  socket.write(`${JSON.stringify({ command: 'server' })}\n`)
  const answer = JSON.parse(await text(socket)) as Record<string, string>
  if (answer.error !== undefined) {
    return undefined
  }
  process.env.AWS_ACCESS_KEY_ID = answer.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = answer.secretAccessKey
  return answer.endpoint
}

interface DataSetOptions {
  readonly bucket: string
  readonly prefix: string
  readonly endpoint: string
  readonly chunkBytes: number
}

async function dataSet(random: Random, options: DataSetOptions): Promise<ModelStore> {
  const { bucket, prefix, endpoint, chunkBytes } = options
  const byteLength = 4 * 2 ** 20 + random.integer(2 ** 20)
  const client = { endpoint }
  const made = s3Store({ bucket, prefix, client, create: true, byteLength, chunkBytes })
  await (await openStoreRef(made)).close()
  const ref = s3Store({ bucket, prefix, client })
  return { name: `chunks of ${chunkBytes} bytes in S3`, byteLength, ref }
}

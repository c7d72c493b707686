// A bucket on the S3 server of the test run, which boots it when it is asked, or on the one that
// UMAP_TEST_S3_ENDPOINT names. Credentials are in the environment then.

import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'

/** A new bucket. */
export interface Bucket {
  readonly endpoint: string
  readonly name: string
  readonly client: S3Client
}

/** Makes a bucket; undefined where there is no server. */
export async function makeBucket(): Promise<Bucket | undefined> {
  const endpoint = await findEndpoint()
  if (endpoint === undefined) return undefined
  process.env.AWS_REGION ??= 'us-east-1'
  const client = new S3Client({ endpoint, forcePathStyle: true })
  const name = `umap-cp-${randomUUID()}`
  await client.send(new CreateBucketCommand({ Bucket: name }))
  return { endpoint, name, client }
}

async function findEndpoint(): Promise<string | undefined> {
  const { UMAP_TEST_S3_ENDPOINT: named, UMAP_TEST_S3_CONTROL: control } = process.env
  if (named !== undefined || control === undefined) return named
  const socket = connect(Number(control), '127.0.0.1')
  socket.write(`${JSON.stringify({ command: 'server' })}\n`)
  const answer = JSON.parse(await text(socket)) as Record<string, string>
  if (answer.error !== undefined) return undefined
  process.env.AWS_ACCESS_KEY_ID = answer.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = answer.secretAccessKey
  return answer.endpoint
}

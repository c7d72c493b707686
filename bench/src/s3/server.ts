// The S3 server of the benchmark, the one that the tests use: radosgw, in the guardian's process, or
// the server that UMAP_TEST_S3_ENDPOINT names. With one object of the pattern on it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { valueAt } from '../pattern.ts'

/** The object that all contenders read. */
export interface S3Object extends AsyncDisposable {
  readonly endpoint: string
  readonly bucket: string
  readonly key: string
  /** Credentials, as the SDK looks for them in the environment. */
  readonly env: Readonly<Record<string, string>>
}

interface Server {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly end: () => Promise<void>
}

// The tests' own: sources of another package are no business of ours, this one is a program.
const guardian = join(import.meta.dirname, '../../../packages/store-s3/test/server/guardian.mjs')

/** Boots the server and puts the object there; throws where there is no server. */
export async function makeS3Object(byteLength: number): Promise<S3Object> {
  const { endpoint, accessKeyId, secretAccessKey, end } = await startServer()
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  const bucket = `umap-bench-${process.pid}`
  const key = 'pattern'
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
    await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: patternOf(byteLength) }),
    )
  } catch (error) {
    await end()
    throw error
  }
  return {
    endpoint,
    bucket,
    key,
    env: {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: 'us-east-1',
    },
    async [Symbol.asyncDispose]() {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
      await end()
    },
  }
}

function patternOf(byteLength: number): Uint8Array {
  const values = new Float64Array(byteLength / 8)
  for (let index = 0; index < values.length; index++) values[index] = valueAt(index)
  return new Uint8Array(values.buffer)
}

async function startServer(): Promise<Server> {
  const { UMAP_TEST_S3_ENDPOINT: endpoint } = process.env
  if (endpoint !== undefined) {
    const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } =
      process.env
    return { endpoint, accessKeyId, secretAccessKey, end: async () => {} }
  }
  // In a process group of its own: it ends with its stdin, after its clients.
  const child = spawn(process.execPath, [guardian], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const exited = once(child, 'exit')
  const end = async (): Promise<void> => {
    child.stdin.end()
    await exited
  }
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const answer = JSON.parse(line) as Omit<Server, 'end'> & { error?: string }
  if (answer.error !== undefined) {
    await end()
    throw new Error(`there is no S3 server: ${answer.error}`)
  }
  return { ...answer, end }
}

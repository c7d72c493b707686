// The real S3 server for a test file: asks the run's main process for it, which boots it when it is
// asked first. Credentials go where the SDK's default chain looks, this process's environment.

import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import type { S3ClientOptions } from '@umap/store-s3'
import { controlVariable } from './global-setup.ts'

/** A server that tests may use. */
export interface S3TestServer {
  readonly endpoint: string
  /** `client` of `s3Store`. */
  readonly clientOptions: S3ClientOptions
  /** The plain SDK client, without retries. */
  readonly client: S3Client
  /** Whether gateways can be started and stopped: not at a server that somebody named. */
  readonly ownsGateways: boolean
  /** Makes a bucket of its own for the test file. */
  makeBucket(): Promise<string>
  /** Removes the buckets that were made and drops the connections; for `afterAll`. */
  close(): Promise<void>
  /** Starts one more gateway to the same objects, on the port it had if one is given. */
  startGateway(port?: number): Promise<number>
  /** Kills a gateway that was started with `startGateway`. */
  stopGateway(port: number): Promise<void>
}

interface Answer {
  readonly error?: string
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly port: number
}

/**
 * The server of this run, booted if it was not yet, which takes some 15 seconds; undefined where
 * there is none, which the run then says. To be awaited at the top of a test file.
 */
export async function s3TestServer(): Promise<S3TestServer | undefined> {
  const server = await ask({ command: 'server' })
  if (server.error !== undefined) {
    return undefined
  }
  process.env.AWS_ACCESS_KEY_ID = server.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = server.secretAccessKey
  process.env.AWS_REGION ??= 'us-east-1'
  return new RealServer(server.endpoint)
}

class RealServer implements S3TestServer {
  readonly endpoint: string
  readonly clientOptions: S3ClientOptions
  readonly client: S3Client
  readonly ownsGateways = process.env.UMAP_TEST_S3_ENDPOINT === undefined
  readonly #buckets: string[] = []

  constructor(endpoint: string) {
    this.endpoint = endpoint
    this.clientOptions = { endpoint }
    this.client = new S3Client({
      endpoint,
      forcePathStyle: true,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
  }

  async makeBucket(): Promise<string> {
    const bucket = `umap-${randomUUID()}`
    await this.client.send(new CreateBucketCommand({ Bucket: bucket }))
    this.#buckets.push(bucket)
    return bucket
  }

  async close(): Promise<void> {
    // The run's own server is thrown away as a whole.
    if (!this.ownsGateways) {
      await Promise.all(this.#buckets.map((bucket) => this.#removeBucket(bucket)))
    }
    this.client.destroy()
  }

  async startGateway(port?: number): Promise<number> {
    const answer = await ask({ command: 'start', ...(port !== undefined && { port }) })
    if (answer.error !== undefined) {
      throw new Error(answer.error)
    }
    return answer.port
  }

  async stopGateway(port: number): Promise<void> {
    const { error } = await ask({ command: 'stop', port })
    if (error !== undefined) {
      throw new Error(error)
    }
  }

  async #removeBucket(bucket: string): Promise<void> {
    for (;;) {
      const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: bucket }))
      for (const { Key } of Contents) {
        await this.client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
      }
      if (Contents.length === 0) {
        await this.client.send(new DeleteBucketCommand({ Bucket: bucket }))
        return
      }
    }
  }
}

async function ask(request: { readonly command: string; readonly port?: number }): Promise<Answer> {
  const port = process.env[controlVariable]
  if (port === undefined) {
    throw new Error(`${controlVariable} is not set: run the tests with the root's vitest.config.ts`)
  }
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(`${JSON.stringify(request)}\n`)
  return JSON.parse(await text(socket)) as Answer
}

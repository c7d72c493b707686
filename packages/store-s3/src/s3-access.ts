// The few things that this package wants of an S3 server, as one thin interface over the SDK's
// client. Everything above it knows neither commands nor responses. Imports the SDK, so it is
// itself imported only when a store is opened, in the store host.

import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { StoreError } from '@umap/store'
import { drainBody, pumpBody } from './body.ts'
import { connectionsMaxDefault, makeClient } from './client.ts'
import { s3ErrorCodes } from './errors.ts'
import type { CheckedClientOptions } from './options.ts'
import { type Attempt, S3Requests } from './request.ts'
import { checkBody, checkPart, isSameEtag } from './response.ts'
import { S3Counters, type S3StoreStats } from './stats.ts'

/** Bytes `from` to `to - 1` of an object; not empty. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** What every call may be given. */
export interface S3CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Retries end after this time where the client's limit is longer. */
  readonly retryTimeoutMs?: number
}

/** An object without its bytes. */
export interface S3ObjectFacts {
  readonly byteLength: number
  /** As the server writes it, quotes included. */
  readonly etag: string
}

/** A part of an object, or all of it. */
export interface S3Body {
  readonly body: Buffer
  readonly etag: string
}

/** One entry of a listing. */
export interface S3ListEntry extends S3ObjectFacts {
  readonly key: string
  /** By the server's clock; missing where the server does not say. */
  readonly lastModified?: Date
}

/** Takes the bytes of a stream in order, each once; must not keep `chunk`. */
export type ByteSink = (offset: number, chunk: Uint8Array) => void

/**
 * The objects of one bucket. Calls are retried within the client's budget and time; what they
 * reject with is a `StoreError` whose code is one of `s3ErrorCodes`, a code of `@umap/store` or an
 * errno name. No message or cause holds a secret.
 */
export interface S3Access {
  readonly bucket: string
  /** Counters that the owner may add to. */
  readonly counters: S3Counters
  /**
   * The bytes of `range`, or of the whole object, whose checksum is verified where the server has
   * one. 'S3_NOT_FOUND' where there is no object; with `ifMatch`, 'S3_CHANGED' where it has
   * another ETag.
   */
  get(
    key: string,
    options?: S3CallOptions & { readonly range?: ByteRange; readonly ifMatch?: string },
  ): Promise<S3Body>
  /**
   * Passes the bytes of `range` to `sink` as they arrive. After a failure only what is missing is
   * asked for. `objectBytes` is the size of the whole object. Rejects as `get` does, and does not
   * call `sink` afterwards.
   */
  stream(
    key: string,
    request: { readonly range: ByteRange; readonly ifMatch: string; readonly objectBytes: number },
    sink: ByteSink,
    options?: S3CallOptions,
  ): Promise<void>
  /** The object's size and ETag, undefined where there is none. */
  head(key: string, options?: S3CallOptions): Promise<S3ObjectFacts | undefined>
  /**
   * Writes an object. `body` must not change until it settles. With `ifMatch` (an ETag, sent as it
   * is given: some servers know it without quotes only) or `ifNoneMatch` it rejects with
   * 'S3_CONFLICT' where the object is another one; an object that holds exactly `body` counts as
   * written, for an answer may be lost though the write was not. A server that does not know
   * conditions ignores them: probe it.
   */
  put(
    key: string,
    body: Uint8Array,
    options?: S3CallOptions & { readonly ifMatch?: string; readonly ifNoneMatch?: '*' },
  ): Promise<{ readonly etag: string }>
  /** Deletes objects, in parallel; one that does not exist counts as deleted. */
  delete(keys: readonly string[], options?: S3CallOptions): Promise<void>
  /** All objects whose keys begin with `prefix`, in the order of their keys. */
  list(prefix: string, options?: S3CallOptions): AsyncIterable<S3ListEntry>
  /** What was done so far. */
  stats(): S3StoreStats
  /** Drops the connections; calls in flight fail. */
  close(): void
}

const retryTimeoutMsDefault = 60_000
const idleTimeoutMsDefault = 10_000

/** The access to `bucket` that `options` describe. Asks no server yet. */
export async function openS3Access(
  bucket: string,
  options: CheckedClientOptions = {},
): Promise<S3Access> {
  const counters = new S3Counters()
  const limits = {
    connectionsMax: options.connectionsMax ?? connectionsMaxDefault,
    retryTimeoutMs: options.retryTimeoutMs ?? retryTimeoutMsDefault,
    idleTimeoutMs: options.idleTimeoutMs ?? idleTimeoutMsDefault,
  }
  const client = await makeClient(options)
  return new SdkAccess(client, bucket, new S3Requests(limits, counters), counters)
}

class SdkAccess implements S3Access {
  readonly bucket: string
  readonly counters: S3Counters
  readonly #client: S3Client
  readonly #requests: S3Requests

  constructor(client: S3Client, bucket: string, requests: S3Requests, counters: S3Counters) {
    this.#client = client
    this.bucket = bucket
    this.#requests = requests
    this.counters = counters
  }

  async get(
    key: string,
    options: S3CallOptions & { readonly range?: ByteRange; readonly ifMatch?: string } = {},
  ): Promise<S3Body> {
    const { range, ifMatch, signal } = options
    const part = range === undefined ? 'all' : `bytes ${range.from}-${range.to - 1}`
    const doing = `read ${part} of ${this.#name(key)}`
    return this.#requests.run(
      doing,
      async (attempt) => {
        const output = await this.#get(key, range, ifMatch, attempt)
        const byteLength = checkBody(output, { range, ifMatch, doing })
        // A pool would hand out memory that small slices keep alive.
        const body = Buffer.allocUnsafeSlow(byteLength)
        await this.#pump(output, attempt, doing, body.byteLength, (offset, chunk) => {
          body.set(chunk, offset)
        })
        return { body, etag: output.ETag ?? '' }
      },
      { signal },
    )
  }

  stream(
    key: string,
    request: { readonly range: ByteRange; readonly ifMatch: string; readonly objectBytes: number },
    sink: ByteSink,
    { signal }: S3CallOptions = {},
  ): Promise<void> {
    const { range, ifMatch, objectBytes } = request
    const doing = `read bytes ${range.from}-${range.to - 1} of ${this.#name(key)}`
    let position = range.from
    return this.#requests.run(
      doing,
      async (attempt) => {
        const rest = { from: position, to: range.to }
        const output = await this.#get(key, rest, ifMatch, attempt)
        try {
          checkPart(output, { range: rest, ifMatch, objectBytes, doing })
        } catch (error) {
          drainBody(output.Body)
          throw error
        }
        const start = position
        await this.#pump(output, attempt, doing, rest.to - rest.from, (offset, chunk) => {
          sink(start + offset, chunk)
          position = start + offset + chunk.byteLength
        })
      },
      { signal },
    )
  }

  async head(key: string, options: S3CallOptions = {}): Promise<S3ObjectFacts | undefined> {
    const doing = `look at ${this.#name(key)}`
    try {
      const output = await this.#requests.run(
        doing,
        ({ signal: abortSignal }) =>
          this.#client.send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }), {
            abortSignal,
          }),
        options,
      )
      const { ContentLength: byteLength, ETag: etag } = output
      if (byteLength === undefined || etag === undefined) {
        throw new StoreError(`cannot ${doing}: the answer has no Content-Length or no ETag`, {
          code: s3ErrorCodes.response,
        })
      }
      return { byteLength, etag }
    } catch (error) {
      if (codeOf(error) === s3ErrorCodes.notFound) {
        return undefined
      }
      throw error
    }
  }

  async put(
    key: string,
    body: Uint8Array,
    options: S3CallOptions & { readonly ifMatch?: string; readonly ifNoneMatch?: '*' } = {},
  ): Promise<{ readonly etag: string }> {
    const { ifMatch, ifNoneMatch, signal } = options
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined
    try {
      return await this.#put(key, bytes, { ifMatch, ifNoneMatch, signal })
    } catch (error) {
      const code = codeOf(error)
      const isLost = code === s3ErrorCodes.changed || code === s3ErrorCodes.notFound
      if (!isConditional || !isLost) {
        throw error
      }
      const etag = await this.#writtenEtag(key, bytes, signal)
      if (etag !== undefined) {
        return { etag }
      }
      throw new StoreError(`cannot write ${this.#name(key)}: another writer was faster`, {
        code: s3ErrorCodes.conflict,
        cause: error,
      })
    }
  }

  async delete(keys: readonly string[], { signal }: S3CallOptions = {}): Promise<void> {
    // One request an object: what DeleteObjects wants as a checksum differs between servers.
    const results = await Promise.allSettled(keys.map((key) => this.#delete(key, signal)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      throw failed.reason
    }
  }

  async *list(prefix: string, { signal }: S3CallOptions = {}): AsyncIterable<S3ListEntry> {
    let token: string | undefined
    do {
      const output = await this.#requests.run(
        `list ${this.#name(prefix)}`,
        ({ signal: abortSignal }) =>
          this.#client.send(
            new ListObjectsV2Command({
              Bucket: this.bucket,
              Prefix: prefix,
              ...(token !== undefined && { ContinuationToken: token }),
            }),
            { abortSignal },
          ),
        { signal },
      )
      for (const {
        Key: key,
        Size: byteLength = 0,
        ETag: etag = '',
        LastModified,
      } of output.Contents ?? []) {
        if (key !== undefined) {
          yield { key, byteLength, etag, ...(LastModified && { lastModified: LastModified }) }
        }
      }
      token = output.IsTruncated === true ? output.NextContinuationToken : undefined
    } while (token !== undefined)
  }

  stats(): S3StoreStats {
    return this.counters.snapshot(this.#requests.retriesLeft)
  }

  close(): void {
    this.#client.destroy()
  }

  #get(
    key: string,
    range: ByteRange | undefined,
    ifMatch: string | undefined,
    { signal }: Attempt,
  ): Promise<GetObjectCommandOutput> {
    const command = new GetObjectCommand({
      Bucket: this.bucket,
      Key: key,
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      // A checksum is one of the whole object; with a range, servers differ in what they send.
      ...(range === undefined
        ? { ChecksumMode: 'ENABLED' as const }
        : { Range: `bytes=${range.from}-${range.to - 1}` }),
    })
    return this.#client.send(command, { abortSignal: signal })
  }

  async #pump(
    output: GetObjectCommandOutput,
    attempt: Attempt,
    doing: string,
    byteLength: number,
    sink: ByteSink,
  ): Promise<void> {
    await pumpBody(output.Body, { ...attempt, byteLength, doing }, (offset, chunk) => {
      this.counters.fetchedBytes += chunk.byteLength
      sink(offset, chunk)
    })
  }

  async #put(
    key: string,
    body: Buffer,
    options: { ifMatch?: string; ifNoneMatch?: '*'; signal?: AbortSignal | undefined },
  ): Promise<{ etag: string }> {
    const { ifMatch, ifNoneMatch, signal } = options
    const output = await this.#requests.run(
      `write ${body.byteLength} bytes to ${this.#name(key)}`,
      ({ signal: abortSignal }) => {
        this.counters.sentBytes += body.byteLength
        const command = new PutObjectCommand({
          Bucket: this.bucket,
          Key: key,
          Body: body,
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
          ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
        })
        return this.#client.send(command, { abortSignal })
      },
      { signal, sentBytes: body.byteLength },
    )
    return { etag: output.ETag ?? '' }
  }

  // A write whose answer was lost is repeated, here or by a proxy, and then meets itself.
  async #writtenEtag(
    key: string,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const facts = await this.head(key, { signal })
    if (facts?.byteLength !== body.byteLength) {
      return undefined
    }
    const found = await this.get(key, { signal })
    return found.body.equals(body) && isSameEtag(found.etag, facts.etag) ? found.etag : undefined
  }

  async #delete(key: string, signal: AbortSignal | undefined): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.bucket, Key: key })
    try {
      await this.#requests.run(
        `delete ${this.#name(key)}`,
        ({ signal: abortSignal }) => this.#client.send(command, { abortSignal }),
        { signal },
      )
    } catch (error) {
      if (codeOf(error) !== s3ErrorCodes.notFound) {
        throw error
      }
    }
  }

  #name(key: string): string {
    return `${this.bucket}/${key}`
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof StoreError ? error.code : undefined
}

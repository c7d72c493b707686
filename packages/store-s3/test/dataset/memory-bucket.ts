// A bucket in memory behind the package's own access interface: for tests that have to stop, lose
// or fail one particular request, which no server does on demand. Conditional writes as S3 has them.

import { createHash } from 'node:crypto'
import { StoreError } from '@umap/store'
import type { ByteRange, S3Access, S3Body, S3ListEntry } from '../../src/s3-access.ts'
import { S3Counters, type S3StoreStats } from '../../src/stats.ts'

/** One request, as a hook sees it. */
export interface BucketRequest {
  readonly op: 'get' | 'put' | 'delete' | 'list'
  readonly key: string
  readonly isConditional: boolean
}

/**
 * What a hook wants: nothing, that the answer is lost though the request was done, or that the
 * request is lost for now and arrives when the test calls it out of `late`.
 */
export type HookResult = undefined | 'lose-answer' | 'arrive-late'

/** Called before each request; throws, waits, or says what is to happen. */
export type BucketHook = (
  request: BucketRequest,
) => HookResult | undefined | Promise<HookResult | undefined>

export const lostAnswer = (): StoreError =>
  new StoreError('the connection was reset', { code: 'ECONNRESET', retryable: true })

/** The objects, which any number of accesses share. */
export class MemoryBucket {
  readonly objects = new Map<string, Buffer>()
  ignoresConditions = false
  /** If-Match is understood without quotes only. */
  wantsUnquoted = false
  requestCount = 0
  /** Requests on their way, whose senders have given them up. */
  readonly late: (() => void)[] = []

  /** A new access, as one opening has it. */
  access(hook: BucketHook = () => undefined): S3Access {
    return new MemoryAccess(this, hook)
  }

  keys(prefix = ''): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }
}

function etagOf(body: Uint8Array): string {
  return `"${createHash('md5').update(body).digest('hex')}"`
}

class MemoryAccess implements S3Access {
  readonly bucket = 'memory'
  readonly counters = new S3Counters()
  readonly #bucket: MemoryBucket
  readonly #hook: BucketHook

  constructor(bucket: MemoryBucket, hook: BucketHook) {
    this.#bucket = bucket
    this.#hook = hook
  }

  get(
    key: string,
    options: { range?: ByteRange; signal?: AbortSignal | undefined } = {},
  ): Promise<S3Body> {
    return this.#request({ op: 'get', key, isConditional: false }, options.signal, () => {
      const object = this.#bucket.objects.get(key)
      if (object === undefined) {
        throw new StoreError(`${key} does not exist`, { code: 'S3_NOT_FOUND' })
      }
      const { range } = options
      if (range !== undefined && range.to > object.byteLength) {
        throw new StoreError(`${key} is shorter than ${range.to}`, { code: 'S3_CHANGED' })
      }
      const body = Buffer.from(object.subarray(range?.from, range?.to))
      this.counters.fetchedBytes += body.byteLength
      return { body, etag: etagOf(object) }
    })
  }

  put(
    key: string,
    body: Uint8Array,
    options: { ifMatch?: string; ifNoneMatch?: '*'; signal?: AbortSignal | undefined } = {},
  ): Promise<{ etag: string }> {
    const { ifMatch, ifNoneMatch, signal } = options
    const isConditional = ifMatch !== undefined || ifNoneMatch !== undefined
    return this.#request({ op: 'put', key, isConditional }, signal, () => {
      if (isConditional && !this.#bucket.ignoresConditions && !this.#holds(key, options)) {
        throw new StoreError(`${key} is another one`, { code: 'S3_CONFLICT' })
      }
      this.#bucket.objects.set(key, Buffer.from(body))
      this.counters.sentBytes += body.byteLength
      return { etag: etagOf(body) }
    })
  }

  async head(key: string): Promise<{ byteLength: number; etag: string } | undefined> {
    const object = this.#bucket.objects.get(key)
    return object && { byteLength: object.byteLength, etag: etagOf(object) }
  }

  async stream(): Promise<void> {
    throw new Error('data sets do not stream')
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.#request({ op: 'delete', key, isConditional: false }, undefined, () => {
        this.#bucket.objects.delete(key)
      })
    }
  }

  async *list(prefix: string): AsyncIterable<S3ListEntry> {
    const request = { op: 'list', key: prefix, isConditional: false } as const
    const keys = await this.#request(request, undefined, () => this.#bucket.keys(prefix))
    for (const key of keys) {
      yield { key, byteLength: 0, etag: '' }
    }
  }

  stats(): S3StoreStats {
    return this.counters.snapshot(0)
  }

  close(): void {}

  async #request<T>(
    request: BucketRequest,
    signal: AbortSignal | undefined,
    perform: () => T,
  ): Promise<T> {
    this.#bucket.requestCount += 1
    const wish = await this.#hook(request)
    if (wish === 'arrive-late') {
      this.#bucket.late.push(perform)
      throw lostAnswer()
    }
    // Answers of a server never come in the same turn.
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
    const result = perform()
    if (wish === 'lose-answer') {
      throw lostAnswer()
    }
    return result
  }

  #holds(key: string, { ifMatch }: { ifMatch?: string }): boolean {
    const object = this.#bucket.objects.get(key)
    if (ifMatch === undefined || object === undefined) {
      return ifMatch === undefined && object === undefined
    }
    const etag = etagOf(object)
    return ifMatch === (this.#bucket.wantsUnquoted ? etag.slice(1, -1) : etag)
  }
}

// The objects of one data set by what they are for: the manifest, the chunks, the probe. The only
// place that knows their keys, and in which words a server refuses.

import { StoreError } from '@umap/store'
import { s3ErrorCodes } from '../errors.ts'
import { unquoted } from '../response.ts'
import type { S3Access } from '../s3-access.ts'
import { type ChunkName, chunkKey } from './chunk-table.ts'
import { corruptError } from './errors.ts'

/** A conditional PUT: only where there is no object, or only over the object with this ETag. */
export type PutCondition = { readonly ifNoneMatch: '*' } | { readonly ifMatch: string }

/** How a conditional PUT ended; 'refused' where the condition did not hold. */
export type PutOutcome = { readonly etag: string } | 'refused'

/** How a server wants ETags in If-Match; found out by the probe. */
export type EtagForm = 'quoted' | 'unquoted'

const deletesAtOnce = 1000
const unfitCodes: ReadonlySet<string> = new Set([s3ErrorCodes.changed, s3ErrorCodes.response])
const chunkKeyPattern = /^([0-9a-f]{16})\/([0-9a-f]{8})$/

/** The objects under one prefix. What is rejected with is a `StoreError` of {@link S3Access}. */
export class DatasetObjects {
  /** For messages: where the data set is. */
  readonly where: string
  readonly #s3: S3Access
  readonly #prefix: string
  etagForm: EtagForm = 'quoted'

  constructor(s3: S3Access, prefix: string) {
    this.#s3 = s3
    this.#prefix = prefix.endsWith('/') ? prefix : `${prefix}/`
    this.where = `${s3.bucket}/${this.#prefix}`
  }

  /** The manifest's bytes; undefined where there is none. */
  async getManifest(): Promise<{ readonly body: Uint8Array; readonly etag: string } | undefined> {
    return orUndefined(this.#s3.get(`${this.#prefix}manifest`))
  }

  putManifest(body: Uint8Array, condition: PutCondition): Promise<PutOutcome> {
    return this.#putIf(`${this.#prefix}manifest`, body, condition)
  }

  /** Bytes of a chunk object; undefined where there is no such object. */
  async getChunk(
    name: ChunkName,
    offset: number,
    byteLength: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const range = { from: offset, to: offset + byteLength }
    const key = this.#chunk(name)
    try {
      return (await orUndefined(this.#s3.get(key, { range, signal })))?.body
    } catch (error) {
      if (!unfitCodes.has(codeOf(error) ?? '')) {
        throw error
      }
      // The range may be one that the object does not have.
      const facts = await this.#s3.head(key, { signal })
      if (facts !== undefined && facts.byteLength < range.to) {
        throw corruptError(`${this.#s3.bucket}/${key} is torn at ${facts.byteLength}`, error)
      }
      throw error
    }
  }

  async putChunk(name: ChunkName, body: Uint8Array): Promise<void> {
    await this.#s3.put(this.#chunk(name), body)
  }

  async deleteChunks(names: readonly ChunkName[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < names.length; at += deletesAtOnce) {
      const keys = names.slice(at, at + deletesAtOnce).map((name) => this.#chunk(name))
      await this.#s3.delete(keys, { signal })
    }
  }

  /** Every chunk object that is there, whoever wrote it. */
  async *listChunks(): AsyncGenerator<ChunkName> {
    const prefix = `${this.#prefix}chunks/`
    for await (const { key } of this.#s3.list(prefix)) {
      const [, session, sequence] = chunkKeyPattern.exec(key.slice(prefix.length)) ?? []
      if (session !== undefined && sequence !== undefined) {
        yield { session, sequence: Number.parseInt(sequence, 16) }
      }
    }
  }

  putProbe(name: string, body: Uint8Array, condition: PutCondition): Promise<PutOutcome> {
    return this.#putIf(`${this.#prefix}probe/${name}`, body, condition)
  }

  async deleteProbes(names: readonly string[]): Promise<void> {
    if (names.length > 0) {
      await this.#s3.delete(names.map((name) => `${this.#prefix}probe/${name}`))
    }
  }

  /** The probes that are there: of openings under way, or of some that were killed. */
  async listProbes(): Promise<string[]> {
    const prefix = `${this.#prefix}probe/`
    const names: string[] = []
    for await (const { key } of this.#s3.list(prefix)) {
      names.push(key.slice(prefix.length))
    }
    return names
  }

  async #putIf(key: string, body: Uint8Array, condition: PutCondition): Promise<PutOutcome> {
    try {
      const sent =
        'ifMatch' in condition && this.etagForm === 'unquoted'
          ? { ifMatch: unquoted(condition.ifMatch) }
          : condition
      return { etag: (await this.#s3.put(key, body, sent)).etag }
    } catch (error) {
      if (codeOf(error) !== s3ErrorCodes.conflict) {
        throw error
      }
      const { cause } = error as StoreError
      if ('ifNoneMatch' in condition && codeOf(cause) === s3ErrorCodes.notFound) {
        // There is no bucket.
        throw cause
      }
      return 'refused'
    }
  }

  #chunk(name: ChunkName): string {
    return `${this.#prefix}chunks/${chunkKey(name)}`
  }
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    if (codeOf(error) === s3ErrorCodes.notFound) {
      return undefined
    }
    throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof StoreError ? error.code : undefined
}

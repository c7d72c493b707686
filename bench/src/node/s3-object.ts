// The object of the S3 programs, as each contender reaches it: a region, or GETs of the SDK.
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type Region, umap } from '@umap/core'
import { s3Store } from '@umap/store-s3'
import type { NodeProgramOptions } from './options.ts'

/** Maps it. */
export function mapObject(options: NodeProgramOptions): Promise<Region> {
  const { bucket, key, endpoint, pageBytes, bufferBytes } = options
  const store = s3Store({ bucket, key, client: { endpoint } })
  return umap({ store, pageBytes, buffer: { bytes: bufferBytes } })
}

/** Ranged GETs of it. */
export class ObjectReader implements Disposable {
  readonly #client: S3Client
  readonly #object: { readonly Bucket: string; readonly Key: string }

  constructor({ endpoint, bucket, key }: NodeProgramOptions) {
    this.#client = new S3Client({ endpoint, forcePathStyle: true })
    this.#object = { Bucket: bucket, Key: key }
  }

  /** The values of a range, by one request. */
  async get(offset: number, byteLength: number): Promise<Float64Array> {
    const Range = `bytes=${offset}-${offset + byteLength - 1}`
    const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#object, Range }))
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
    if (bytes.byteLength !== byteLength) throw new Error('the server sent less than was asked for')
    // A body may begin anywhere in its memory.
    const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
    return new Float64Array(aligned.buffer, aligned.byteOffset, byteLength / 8)
  }

  [Symbol.dispose](): void {
    this.#client.destroy()
  }
}

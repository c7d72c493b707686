// Opens data sets for tests, and fills memory with bytes that tell where they belong.

import assert from 'node:assert'
import type { OpenStoreContext } from '@umap/store'
import { openDataset } from '../../src/dataset/dataset.ts'
import type { DatasetStore } from '../../src/dataset/dataset-store.ts'
import type { DatasetOptions } from '../../src/dataset/options.ts'
import type { BucketHook, MemoryBucket } from './memory-bucket.ts'

export const KiB = 1024
export const chunkBytes = 64 * KiB
export const prefix = 'sets/a'

/** Opens the data set `prefix` of `bucket`, four chunks and a bit unless told otherwise. */
export function openIn(
  bucket: MemoryBucket,
  options: Partial<DatasetOptions> & { hook?: BucketHook } & OpenStoreContext = {},
): Promise<DatasetStore> {
  const { hook, access, session, version, ...others } = options
  const wishes = { prefix, create: true, byteLength: 4 * chunkBytes + 1000, chunkBytes }
  return openDataset(
    bucket.access(hook),
    { ...wishes, ...others },
    { access: access ?? 'read-write', ...(session && { session }), ...(version && { version }) },
  )
}

/** `byteLength` bytes that differ by `tag` and by place; none of them is zero. */
export function pattern(tag: number, byteLength: number, at = 0): Buffer {
  const bytes = Buffer.alloc(byteLength)
  for (let index = 0; index < byteLength; index++) {
    bytes[index] = 1 + ((tag * 31 + (at + index) * 7 + ((at + index) >>> 8)) % 255)
  }
  return bytes
}

/** All bytes of a store, zeros for holes. */
export async function readAll(store: DatasetStore): Promise<Buffer> {
  return readRange(store, 0, store.byteLength)
}

export async function readRange(
  store: DatasetStore,
  offset: number,
  byteLength: number,
): Promise<Buffer> {
  const target = Buffer.alloc(byteLength, 0xee)
  const result = await store.read(offset, target)
  return result === 'hole' ? target.fill(0) : target
}

/** The same object with 8 bits changed somewhere in the middle. */
export function damage(bucket: MemoryBucket, key: string, at?: number): void {
  const object = Buffer.from(bucket.objects.get(key) as Buffer)
  const index = at ?? object.byteLength >>> 1
  object[index] = (object[index] as number) ^ 0xff
  bucket.objects.set(key, object)
}

/** Fails with the place of the first difference; comparing as values would take seconds. */
export function expectBytes(actual: Buffer, expected: Buffer): void {
  if (!actual.equals(expected)) {
    const at = actual.findIndex((byte, index) => byte !== expected[index])
    assert.fail(
      `${actual.byteLength} bytes differ from ${expected.byteLength} at ${at}: ` +
        `${actual[at]} instead of ${expected[at]}`,
    )
  }
}

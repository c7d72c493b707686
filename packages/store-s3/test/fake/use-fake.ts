// A fake for the tests of one file: started before them, checked for violations after each, and
// reached with credentials of its own, whatever the environment says.

import type { S3ClientOptions } from '@umap/store-s3'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { FakeS3 } from './fake-s3.ts'

/** The fake of a test file. */
export interface UsedFake {
  readonly s3: FakeS3
  /** `client` of `s3Store`; short times, for the tests wait for them. */
  readonly clientOptions: S3ClientOptions
}

/** To be called while tests are collected; the members may be used within tests and hooks. */
export function useFake(options: Partial<S3ClientOptions> = {}): UsedFake {
  let started: FakeS3 | undefined
  const fake = (): FakeS3 => {
    if (started === undefined) {
      throw new Error('the fake is used before the tests have begun')
    }
    return started
  }
  beforeAll(async () => {
    started = await FakeS3.start()
  })
  afterEach(async () => {
    fake().script = () => undefined
    await fake().listen()
    expect(fake().violations).toEqual([])
    fake().requests.length = 0
  })
  afterAll(() => started?.stop())
  return {
    get s3() {
      return fake()
    },
    get clientOptions() {
      const module = new URL('credentials.mjs', import.meta.url).href
      const endpoint = fake().endpoint
      return { endpoint, module, region: 'us-east-1', retryTimeoutMs: 5_000, ...options }
    },
  }
}

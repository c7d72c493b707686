// Wrong options fail at the line of the caller, by name and value; no secret is ever a value.

import { resolveStoreRef } from '@umap/store'
import { openStore, type S3StoreOptions, s3Store } from '@umap/store-s3'
import { describe, expect, it } from 'vitest'

describe('s3Store', () => {
  it('makes-a-reference-of-plain-data-to-this-package', () => {
    const ref = s3Store({
      bucket: 'b',
      key: 'a/b',
      byteLength: 10,
      client: { endpoint: new URL('http://127.0.0.1:9000'), region: 'x', forcePathStyle: true },
    })
    expect(ref.options).toEqual({
      bucket: 'b',
      key: 'a/b',
      byteLength: 10,
      client: { endpoint: 'http://127.0.0.1:9000/', region: 'x', forcePathStyle: true },
    })
    expect(ref.url).toMatch(/store-s3\/dist\/open\.js$/)
    expect(structuredClone(ref)).toEqual({ ...ref })
    expect(resolveStoreRef(ref)).toBe(ref)
  })

  it('leaves-out-what-was-not-given', () => {
    const options = { bucket: 'b', prefix: 'p', create: undefined, client: { region: undefined } }
    expect(s3Store(options as never).options).toEqual({ bucket: 'b', prefix: 'p', client: {} })
  })

  it('finds-the-client-module-where-it-was-named', () => {
    const client = { module: './fake/credentials.mjs', parent: import.meta.url }
    const { options } = s3Store({ bucket: 'b', key: 'k', client })
    expect(options.client).toEqual({
      module: new URL('./fake/credentials.mjs', import.meta.url).href,
    })
    // What was checked once is checked again where it is opened.
    expect(s3Store(options as S3StoreOptions).options).toEqual(options)
  })

  const ok = { bucket: 'b', key: 'k' }
  const wrong: ReadonlyArray<readonly [unknown, 'TypeError' | 'RangeError', RegExp]> = [
    [undefined, 'TypeError', /object with bucket, not undefined/],
    ['b', 'TypeError', /object with bucket, not "b"/],
    [{ key: 'k' }, 'TypeError', /bucket .* not undefined/],
    [{ bucket: 'a b', key: 'k' }, 'TypeError', /bucket .* not "a b"/],
    [{ bucket: 'b' }, 'TypeError', /either key, .* or prefix/],
    [{ ...ok, prefix: 'p' }, 'TypeError', /either key, .* or prefix/],
    [{ bucket: 'b', key: '' }, 'TypeError', /key .* not ""/],
    [{ bucket: 'b', key: 7 }, 'TypeError', /key .* not 7/],
    [{ bucket: 'b', key: 'ü'.repeat(513) }, 'TypeError', /key .* 1024 bytes/],
    [{ bucket: 'b', prefix: '' }, 'TypeError', /prefix .* not ""/],
    [{ ...ok, Bucket: 'x' }, 'TypeError', /no option named Bucket/],
    [{ ...ok, create: true }, 'TypeError', /create belongs to prefix/],
    [{ ...ok, chunkBytes: 65536 }, 'TypeError', /chunkBytes belongs to prefix/],
    [{ bucket: 'b', prefix: 'p', create: 1 }, 'TypeError', /create .* not 1/],
    [{ ...ok, byteLength: '1' }, 'TypeError', /byteLength .* not "1"/],
    [{ ...ok, byteLength: -1 }, 'RangeError', /byteLength .* not -1/],
    [{ ...ok, byteLength: 0.5 }, 'RangeError', /byteLength .* not 0.5/],
    [{ bucket: 'b', prefix: 'p', chunkBytes: 4095 }, 'RangeError', /chunkBytes .* not 4095/],
    [{ bucket: 'b', prefix: 'p', chunkBytes: 12288 }, 'RangeError', /power of two, not 12288/],
    [{ ...ok, client: 'x' }, 'TypeError', /client must be an object, not string/],
    [{ ...ok, client: { endPoint: 'x' } }, 'TypeError', /client has no option named endPoint/],
    [{ ...ok, client: { endpoint: 'nix' } }, 'TypeError', /client\.endpoint must be an http/],
    [{ ...ok, client: { endpoint: 'ftp://x' } }, 'TypeError', /client\.endpoint must be an http/],
    [{ ...ok, client: { region: 'a b' } }, 'TypeError', /client\.region .* not "a b"/],
    [{ ...ok, client: { forcePathStyle: 1 } }, 'TypeError', /client\.forcePathStyle .* not 1/],
    [{ ...ok, client: { connectionsMax: 0 } }, 'RangeError', /client\.connectionsMax .* not 0/],
    [{ ...ok, client: { retryTimeoutMs: -1 } }, 'RangeError', /client\.retryTimeoutMs .* not -1/],
    [{ ...ok, client: { idleTimeoutMs: 0 } }, 'RangeError', /client\.idleTimeoutMs .* not 0/],
    [{ ...ok, client: { exportName: 'x' } }, 'TypeError', /belong to client\.module/],
    [{ ...ok, client: { module: '' } }, 'TypeError', /client\.module/],
    [{ ...ok, client: { module: './x.mjs' } }, 'TypeError', /pass parent/],
  ]

  it('refuses-wrong-options-by-name-and-value', async () => {
    for (const [options, name, message] of wrong) {
      const expected = expect.objectContaining({ name, message: expect.stringMatching(message) })
      expect(() => s3Store(options as S3StoreOptions), String(message)).toThrow(expected)
      await expect(openStore(options as S3StoreOptions), String(message)).rejects.toThrow(expected)
    }
  })

  it('names-a-client-module-that-is-not-there', () => {
    const client = { module: '@umap/no-such-package' }
    expect(() => s3Store({ ...ok, client })).toThrow(
      expect.objectContaining({ code: 'STORE_MODULE' }),
    )
  })

  it('takes-no-secrets-and-repeats-none', () => {
    const secret = 'marker-of-a-secret'
    for (const part of [
      { accessKeyId: secret },
      { secretAccessKey: secret },
      { credentials: { secretAccessKey: secret } },
      { sessionToken: secret },
      { endpoint: `https://user:${secret}@example.org` },
      { endpoint: `https://example.org/?X-Amz-Signature=${secret}` },
      { endpoint: secret },
    ]) {
      for (const options of [
        { ...ok, client: part },
        { ...ok, ...part },
      ]) {
        const make = () => s3Store(options as S3StoreOptions)
        expect(make).toThrow(TypeError)
        expect(make).not.toThrow(secret)
      }
    }
  })
})

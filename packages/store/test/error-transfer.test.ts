// Errors cross threads, processes and native code as data, and come back as StoreErrors.

import { deserializeError, isRetryableCode, StoreError, serializeError } from '@umap/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

function viaJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

describe('StoreError', () => {
  it('carries-code-retryable-and-cause', () => {
    const cause = new Error('below')
    const error = new StoreError('above', { code: 'EIO', retryable: true, cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'StoreError', message: 'above', code: 'EIO' })
    expect(error.retryable).toBe(true)
    expect(error.cause).toBe(cause)
    expect(error.stack).toMatch(/^StoreError: above/)
  })

  it('is-not-retryable-and-has-no-cause-unless-told', () => {
    const error = new StoreError('plain', { code: 'STORE_RANGE' })
    expect(error.retryable).toBe(false)
    expect('cause' in error).toBe(false)
  })
})

describe('isRetryableCode', () => {
  it('takes-what-may-pass-by-itself', () => {
    for (const code of ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EAGAIN', 'ETIMEDOUT', 'ECONNRESET']) {
      expect(isRetryableCode(code), code).toBe(true)
    }
  })

  it('refuses-what-needs-the-program-to-change', () => {
    for (const code of ['ESTALE', 'ENOENT', 'EACCES', 'EROFS', 'EBADF', 'EINVAL', 'EFBIG', '']) {
      expect(isRetryableCode(code), code).toBe(false)
    }
  })
})

describe('serializeError and deserializeError', () => {
  it('keep-code-retryable-causes-and-remote-stack', () => {
    const socket = Object.assign(new Error('reset'), { code: 'ECONNRESET' })
    const client = new TypeError('request failed', { cause: socket })
    const error = new StoreError('read of page 7', {
      code: 'S3_READ',
      retryable: true,
      cause: client,
    })
    const back = deserializeError(viaJson(serializeError(error)))
    expect(back).toBeInstanceOf(StoreError)
    expect(back).toMatchObject({ message: 'read of page 7', code: 'S3_READ', retryable: true })
    expect(back.stack).toBe(error.stack)
    const backClient = back.cause as StoreError
    expect(backClient).toMatchObject({ name: 'TypeError', code: 'STORE_UNKNOWN', retryable: false })
    expect(backClient.stack).toBe(client.stack)
    expect(backClient.cause).toMatchObject({ name: 'Error', code: 'ECONNRESET', retryable: true })
  })

  it('derive-retryable-from-the-code-of-a-system-error', () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    expect(serializeError(full)).toMatchObject({ code: 'ENOSPC', retryable: true })
    const own = Object.assign(new Error('no space'), { code: 'ENOSPC', retryable: false })
    expect(serializeError(own).retryable).toBe(false)
  })

  it('keep-only-codes-that-are-text', () => {
    const abort = new DOMException('stopped', 'AbortError')
    expect(abort.code).toBe(20)
    const data = serializeError(abort)
    expect(data).toMatchObject({ name: 'AbortError', message: 'stopped' })
    expect('code' in data).toBe(false)
  })

  it('say-why-an-aggregate-without-a-message-failed', () => {
    const error = new AggregateError([new Error('::1 refused'), new Error('127.0.0.1 refused')], '')
    expect(serializeError(error).message).toBe('::1 refused; 127.0.0.1 refused')
  })

  it('end-where-causes-form-a-ring', () => {
    const first: Error & { cause?: unknown } = new Error('first')
    first.cause = new Error('second', { cause: first })
    expect(serializeError(first)).toMatchObject({ message: 'first', cause: { message: 'second' } })
    expect(serializeError(first).cause?.cause).toBeUndefined()
  })

  it('cut-a-chain-of-causes-and-long-texts', () => {
    let error = new Error('root')
    for (let depth = 0; depth < 1000; depth++) {
      error = new Error(`level ${depth}`, { cause: error })
    }
    let causes = 0
    for (let at = serializeError(error).cause; at !== undefined; at = at.cause) {
      causes++
    }
    expect(causes).toBe(8)
    const long = serializeError(new Error('x'.repeat(1_000_000)))
    expect(JSON.stringify(long).length).toBeLessThan(32 * 1024)
  })

  it('survive-an-error-that-throws-when-it-is-looked-at', () => {
    const hostile = new Proxy(new Error('hidden'), {
      get() {
        throw new Error('no')
      },
    })
    expect(serializeError(hostile)).toMatchObject({ name: 'Error', retryable: false })
  })

  it('keep-code-and-stack-of-the-first-of-several-failures', () => {
    const refused = Object.assign(new Error('::1 refused'), { code: 'ECONNREFUSED' })
    const data = serializeError(new AggregateError([refused, new Error('late')], 'no address'))
    expect(data).toMatchObject({ name: 'AggregateError', message: 'no address', retryable: false })
    expect(data.cause).toMatchObject({ code: 'ECONNREFUSED', retryable: true })
    expect(data.cause?.stack).toBe(refused.stack)
  })

  it('survive-lists-of-failures-that-are-no-lists', () => {
    const refusing = { get: () => expect.fail('read') }
    const { proxy, revoke } = Proxy.revocable([], {})
    revoke()
    const self: { message: string; errors: unknown[] } = { message: '', errors: [] }
    self.errors.push(self)
    for (const errors of [proxy, new Proxy([1, 2], refusing), 'text', 7, [proxy]]) {
      const data = serializeError(Object.assign(new Error(''), { errors }))
      expect(viaJson(data)).toEqual(data)
    }
    expect(serializeError(self).cause).toBeUndefined()
    expect(serializeError(proxy).name).toBe('Error')
  })

  it('survive-getters-that-throw', () => {
    for (const key of ['name', 'message', 'code', 'stack', 'cause', 'retryable', 'errors']) {
      const error = new StoreError('m', { code: 'EIO', retryable: true, cause: new Error('below') })
      Object.defineProperty(error, key, {
        get() {
          throw new Error('no')
        },
      })
      const data = serializeError(error)
      expect(viaJson(data), key).toEqual(data)
      expect(data.retryable, key).toBe(true)
    }
  })

  it('describe-values-that-are-no-errors', () => {
    expect(serializeError('just text').message).toBe('just text')
    expect(serializeError(undefined).message).toBe('undefined')
    expect(serializeError({ status: 503 }).message).toBe('{"status":503}')
    expect(serializeError(Symbol('s')).message).toBe('Symbol(s)')
    expect(serializeError(10n).message).toBe('10')
  })

  it('make-a-store-error-of-garbage', () => {
    for (const garbage of [undefined, null, 7, 'text', [], { message: 3, code: 5, cause: 'x' }]) {
      const error = deserializeError(garbage)
      expect(error).toBeInstanceOf(StoreError)
      expect(error.code).toBe('STORE_UNKNOWN')
      expect(error.message).not.toBe('')
    }
  })

  it('never-throw-and-always-give-json-safe-data', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        const data = serializeError(thrown)
        expect(viaJson(data)).toEqual(data)
        expect(deserializeError(data)).toBeInstanceOf(StoreError)
      }),
    )
  })

  it('give-back-the-same-data-after-a-round-trip', () => {
    const errors = fc.letrec<{ error: Error; cause: unknown }>((tie) => ({
      cause: fc.oneof({ depthSize: 'small' }, fc.constant(undefined), tie('error')),
      error: fc
        .record({
          message: fc.string({ minLength: 1 }),
          code: fc.string({ minLength: 1 }),
          retryable: fc.boolean(),
          cause: tie('cause'),
        })
        .map(({ message, ...options }) => new StoreError(message, options)),
    })).error
    fc.assert(
      fc.property(errors, (error) => {
        const once = serializeError(error)
        expect(serializeError(deserializeError(viaJson(once)))).toEqual(once)
      }),
    )
  })
})

// Reads the body of an answer to its last byte, or says what is wrong with it. It calls the sink
// only while the attempt is on: the memory behind it belongs to somebody else afterwards.

import { Readable } from 'node:stream'
import { StoreError } from '@umap/store'
import { s3ErrorCodes, toStoreError } from './errors.ts'
import type { Attempt } from './request.ts'
import type { ByteSink } from './s3-access.ts'

/** What a body must be like. */
export interface BodyExpectation extends Attempt {
  readonly byteLength: number
  /** What is being done, for messages. */
  readonly doing: string
}

/**
 * Passes exactly `byteLength` bytes of `body` to `sink`, with offsets from 0 on. Rejects with
 * 'S3_TRUNCATED' where there are fewer, 'S3_CHECKSUM' where the SDK finds that a checksum does not
 * fit, 'S3_RESPONSE' where there are more.
 */
export function pumpBody(body: unknown, expected: BodyExpectation, sink: ByteSink): Promise<void> {
  const { byteLength, doing, signal, progress } = expected
  if (!(body instanceof Readable)) {
    return byteLength === 0 ? Promise.resolve() : Promise.reject(truncated(doing, 0, byteLength))
  }
  return new Promise((resolve, reject) => {
    let received = 0
    const finish = (error?: unknown) => {
      body.off('data', onData).off('end', onEnd).off('close', onClose).off('error', finish)
      signal.removeEventListener('abort', onAbort)
      if (error === undefined) {
        resolve()
        return
      }
      // An error that comes after this one has nobody to hear it, and would end the process.
      body.on('error', () => {}).destroy()
      reject(bodyError(error, doing, received, byteLength))
    }
    const onData = (chunk: Uint8Array) => {
      if (received + chunk.byteLength > byteLength) {
        finish(tooLong(doing, byteLength))
        return
      }
      progress()
      try {
        sink(received, chunk)
      } catch (error) {
        finish(error)
        return
      }
      received += chunk.byteLength
    }
    const onEnd = () =>
      finish(received < byteLength ? truncated(doing, received, byteLength) : undefined)
    const onClose = () => finish(truncated(doing, received, byteLength))
    const onAbort = () => finish(signal.reason)
    if (signal.aborted) {
      onAbort()
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    body.on('error', finish).on('end', onEnd).on('close', onClose).on('data', onData)
  })
}

/** Drops a body that is of no use, and its connection with it. */
export function drainBody(body: unknown): void {
  if (body instanceof Readable) {
    body.on('error', () => {}).destroy()
  }
}

function bodyError(error: unknown, doing: string, received: number, byteLength: number): unknown {
  if (error instanceof Error && /checksum mismatch/i.test(error.message)) {
    return new StoreError(`cannot ${doing}: the checksum does not fit`, {
      code: s3ErrorCodes.checksum,
      retryable: true,
    })
  }
  // Node's own word for a connection that ended within a body.
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ECONNRESET') {
    return truncated(doing, received, byteLength, toStoreError(error, doing))
  }
  return error
}

function truncated(
  doing: string,
  received: number,
  byteLength: number,
  cause?: unknown,
): StoreError {
  return new StoreError(
    `cannot ${doing}: the body ended after ${received} of ${byteLength} bytes`,
    {
      code: s3ErrorCodes.truncated,
      retryable: true,
      ...(cause !== undefined && { cause }),
    },
  )
}

function tooLong(doing: string, byteLength: number): StoreError {
  return new StoreError(`cannot ${doing}: the body is longer than ${byteLength} bytes`, {
    code: s3ErrorCodes.response,
    retryable: true,
  })
}

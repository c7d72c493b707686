// Whether the answer to a GET is one to what was asked: status, range, size and version. A server,
// or something in between, that answers something else must never become a page's bytes. Pure.

import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { StoreError } from '@umap/store'
import { s3ErrorCodes } from './errors.ts'
import type { ByteRange } from './s3-access.ts'

/** What an answer must fit. */
export interface Expectation {
  readonly range?: ByteRange | undefined
  readonly ifMatch?: string | undefined
  /** Size of the whole object, where it is known. */
  readonly objectBytes?: number
  /** What is being done, for messages. */
  readonly doing: string
}

/**
 * Checks the head of an answer and returns the bytes that its body must have.
 *
 * Throws a {@link StoreError}: 'S3_CHANGED' where it is about another version of the object,
 * 'S3_TRUNCATED' where it announces too few bytes, 'S3_RESPONSE' where it answers something else.
 */
export function checkBody(output: GetObjectCommandOutput, expected: Expectation): number {
  const { range, ifMatch, doing } = expected
  if (ifMatch !== undefined && !isSameEtag(output.ETag, ifMatch)) {
    throw new StoreError(`cannot ${doing}: the object was changed since it was opened`, {
      code: s3ErrorCodes.changed,
    })
  }
  const byteLength = output.ContentLength
  if (byteLength === undefined) {
    throw unfit(doing, 'says no Content-Length')
  }
  if (range === undefined) {
    return byteLength
  }
  const status = output.$metadata.httpStatusCode
  if (status !== 206) {
    throw unfit(doing, `has the status ${status} instead of 206: the server ignores ranges`)
  }
  const found = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(output.ContentRange ?? '')
  const [from, last, total] = (found ?? []).slice(1).map(Number)
  if (total !== undefined && total < range.to) {
    throw new StoreError(`cannot ${doing}: the object has ${total} bytes only`, {
      code: s3ErrorCodes.changed,
    })
  }
  if (from !== range.from || last !== range.to - 1) {
    throw unfit(doing, `is of another range`)
  }
  if (expected.objectBytes !== undefined && total !== expected.objectBytes) {
    throw new StoreError(`cannot ${doing}: the object has ${total} bytes now`, {
      code: s3ErrorCodes.changed,
    })
  }
  if (byteLength !== range.to - range.from) {
    throw unfit(doing, `announces ${byteLength} bytes`)
  }
  return byteLength
}

/** {@link checkBody} for a range of an object whose version and size are known. */
export function checkPart(output: GetObjectCommandOutput, expected: Required<Expectation>): void {
  checkBody(output, expected)
}

/** Whether two ETags name the same version: quotes or not, as servers write them. */
export function isSameEtag(a: string | undefined, b: string): boolean {
  return a !== undefined && unquoted(a) === unquoted(b)
}

/** An ETag without its quotes, as some servers want it in If-Match. */
export function unquoted(etag: string): string {
  return etag.replace(/^"|"$/g, '')
}

// Retryable: a proxy in between is the usual culprit, and the next attempt may go another way.
function unfit(doing: string, what: string): StoreError {
  return new StoreError(`cannot ${doing}: the answer ${what}`, {
    code: s3ErrorCodes.response,
    retryable: true,
  })
}

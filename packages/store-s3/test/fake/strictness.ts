// What a strict S3 server refuses: requests that are not signed, or not signed over what matters,
// bodies that are framed or not what was signed, ranges and conditions that say nothing.

import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const authorization =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[\w-]+\/s3\/aws4_request, SignedHeaders=([\w;-]+), Signature=[0-9a-f]{64}$/

/** What is wrong with a request, or undefined. */
export function findViolation(
  message: IncomingMessage,
  body: Buffer,
  accessKeyId: string,
): string | undefined {
  const { headers } = message
  const [, key, signedHeaders] = authorization.exec(headers.authorization ?? '') ?? []
  if (key === undefined || signedHeaders === undefined) {
    return 'no signature'
  }
  if (key !== accessKeyId) {
    return 'another access key'
  }
  const signed = new Set(signedHeaders.split(';'))
  const mustBeSigned = Object.keys(headers).filter((name) => name.startsWith('x-amz-'))
  const unsigned = ['host', ...mustBeSigned].find((name) => !signed.has(name))
  if (unsigned !== undefined) {
    return `${unsigned} is not signed`
  }
  return findBodyViolation(message, body) ?? findConditionViolation(message)
}

function findBodyViolation({ headers, method }: IncomingMessage, body: Buffer): string | undefined {
  const sha256 = createHash('sha256').update(body).digest('hex')
  if (headers['x-amz-content-sha256'] !== sha256) {
    return 'the signed SHA-256 is not that of the body'
  }
  if (headers['transfer-encoding'] !== undefined || headers['content-encoding'] !== undefined) {
    return 'the body is framed'
  }
  if (method === 'PUT' && headers['content-length'] !== String(body.byteLength)) {
    return 'no Content-Length'
  }
  return undefined
}

function findConditionViolation(message: IncomingMessage): string | undefined {
  const { headers, method, url } = message
  const { range, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (range !== undefined && (method !== 'GET' || Number(from) > Number(last))) {
    return `a range that means nothing: ${range}`
  }
  // A chunk object is written once, under a name of its own.
  const isImmutable = /\/chunks\/[0-9a-f]{16}\/[0-9a-f]{8}(\?|$)/.test(url ?? '')
  if (range !== undefined && ifMatch === undefined && !isImmutable) {
    return 'a range without If-Match, which may be of any version'
  }
  if (ifMatch !== undefined && !/^("[0-9a-f-]+"|[0-9a-f-]+)$/.test(ifMatch)) {
    return `an If-Match that is no ETag: ${ifMatch}`
  }
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    return `an If-None-Match other than *: ${ifNoneMatch}`
  }
  return undefined
}

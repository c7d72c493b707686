// Failures of the S3 client as StoreErrors. Nothing that a server or a credentials provider says in
// free text is passed on: servers echo headers, providers echo command lines, and either may hold
// a secret. What remains is the server's code, its status and the request's id.

import { isRetryableCode, StoreError } from '@umap/store'

/** Codes of this store, beside those of `@umap/store`. A code never changes its meaning. */
export const s3ErrorCodes = {
  /** The server does not permit it. */
  accessDenied: 'S3_ACCESS_DENIED',
  /** The object is no longer the version that was opened; only opening again helps. */
  changed: 'S3_CHANGED',
  /** Bytes were damaged on their way: a checksum does not fit. Retryable. */
  checksum: 'S3_CHECKSUM',
  /** A conditional write found another version than it expected: another writer was faster. */
  conflict: 'S3_CONFLICT',
  /** There are no credentials, or the server does not take them. */
  credentials: 'S3_CREDENTIALS',
  /** The bucket or the object does not exist. */
  notFound: 'S3_NOT_FOUND',
  /** The server refuses the request for a reason that the message names. */
  refused: 'S3_REFUSED',
  /** The answer is not one to what was asked, so that its bytes cannot be trusted. */
  response: 'S3_RESPONSE',
  /** The server asks for fewer requests. Retryable. */
  slowDown: 'S3_SLOW_DOWN',
  /** No byte arrived for too long. Retryable. */
  timeout: 'S3_TIMEOUT',
  /** The server's certificate is not trusted. */
  tls: 'S3_TLS',
  /** The body ended before all of it was there. Retryable. */
  truncated: 'S3_TRUNCATED',
  /** The server failed (5xx). Retryable. */
  unavailable: 'S3_UNAVAILABLE',
} as const

/** One of the codes in {@link s3ErrorCodes}. */
export type S3ErrorCode = (typeof s3ErrorCodes)[keyof typeof s3ErrorCodes]

interface Verdict {
  readonly code: string
  readonly retryable: boolean
}

const final = (code: string): Verdict => ({ code, retryable: false })
const passing = (code: string): Verdict => ({ code, retryable: true })

// What servers call a failure, where the name says more than the status does.
const verdictsByName: ReadonlyMap<string, Verdict> = new Map([
  ['BadDigest', passing(s3ErrorCodes.checksum)],
  ['BandwidthLimitExceeded', passing(s3ErrorCodes.slowDown)],
  ['ConditionalRequestConflict', passing(s3ErrorCodes.unavailable)],
  ['CredentialsProviderError', final(s3ErrorCodes.credentials)],
  ['ExpiredToken', final(s3ErrorCodes.credentials)],
  ['ExpiredTokenException', final(s3ErrorCodes.credentials)],
  ['IncompleteBody', passing(s3ErrorCodes.truncated)],
  ['InvalidAccessKeyId', final(s3ErrorCodes.credentials)],
  ['InvalidToken', final(s3ErrorCodes.credentials)],
  ['OperationAborted', passing(s3ErrorCodes.unavailable)],
  ['RequestLimitExceeded', passing(s3ErrorCodes.slowDown)],
  // The SDK corrects its clock by the answer, so that the next attempt fits.
  ['RequestTimeTooSkewed', passing(s3ErrorCodes.credentials)],
  ['RequestTimeout', passing(s3ErrorCodes.timeout)],
  ['SignatureDoesNotMatch', final(s3ErrorCodes.credentials)],
  ['SlowDown', passing(s3ErrorCodes.slowDown)],
  ['Throttling', passing(s3ErrorCodes.slowDown)],
  ['ThrottlingException', passing(s3ErrorCodes.slowDown)],
  ['TimeoutError', passing(s3ErrorCodes.timeout)],
  ['TokenProviderError', final(s3ErrorCodes.credentials)],
  ['TooManyRequests', passing(s3ErrorCodes.slowDown)],
  ['XAmzContentSHA256Mismatch', passing(s3ErrorCodes.checksum)],
])

const verdictsByStatus: ReadonlyMap<number, Verdict> = new Map([
  [401, final(s3ErrorCodes.credentials)],
  [403, final(s3ErrorCodes.accessDenied)],
  [404, final(s3ErrorCodes.notFound)],
  [408, passing(s3ErrorCodes.timeout)],
  [412, final(s3ErrorCodes.changed)],
  [429, passing(s3ErrorCodes.slowDown)],
  [501, final(s3ErrorCodes.refused)],
])

const tlsCode = /^(CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

/**
 * Any failure of a request as a {@link StoreError} without secrets; `doing` says what was tried,
 * such as `read bytes 0-99 of bucket/key`. A {@link StoreError} comes through unchanged.
 */
export function toStoreError(thrown: unknown, doing: string): StoreError {
  if (thrown instanceof StoreError) {
    return thrown
  }
  const name = identifierOf(thrown, 'name') ?? 'Error'
  const status = statusOf(thrown)
  const verdict = verdictOf(thrown, name, status)
  return new StoreError(`cannot ${doing}: ${describe(thrown, name, status)}`, {
    ...verdict,
    cause: withoutSecrets(thrown, name, status),
  })
}

function verdictOf(thrown: unknown, name: string, status: number | undefined): Verdict {
  const code = identifierOf(thrown, 'code')
  // Before the name: the SDK calls a lost connection a TimeoutError.
  if (status === undefined && code !== undefined && /^E(AI_)?[A-Z0-9]+$/.test(code)) {
    // A name server that is out of reach answers nothing at all, or that it knows nothing.
    return { code, retryable: isRetryableCode(code) || code === 'ENOTFOUND' }
  }
  const named = verdictsByName.get(name)
  if (named !== undefined) {
    return named
  }
  if (status !== undefined && status >= 300) {
    const byStatus = verdictsByStatus.get(status)
    return byStatus ?? (status >= 500 ? passing(s3ErrorCodes.unavailable) : refusedOr(name))
  }
  if (code !== undefined && tlsCode.test(code)) {
    return final(s3ErrorCodes.tls)
  }
  // An answer that cannot be parsed: damaged on its way, or not from an S3 server at all.
  const isAnswer = status !== undefined || code?.startsWith('HPE_') === true
  return isAnswer ? passing(s3ErrorCodes.response) : final('STORE_UNKNOWN')
}

function refusedOr(name: string): Verdict {
  return final(name === 'InvalidRange' ? s3ErrorCodes.changed : s3ErrorCodes.refused)
}

function describe(thrown: unknown, name: string, status: number | undefined): string {
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return `no credentials (${name}); the SDK's default chain is environment, profile, container, instance`
  }
  if (status !== undefined) {
    const id = requestIdOf(thrown)
    return `the server says ${name} (${status}${id === undefined ? '' : `, request ${id}`})`
  }
  const code = identifierOf(thrown, 'code')
  const errors: unknown = read(thrown, 'errors')
  const first: unknown = Array.isArray(errors) ? errors[0] : thrown
  // Only the system's own words, which are about addresses and names, not the SDK's or a module's.
  const systemCall = identifierOf(first, 'syscall')
  const message: unknown = read(first, 'message')
  if (systemCall !== undefined && typeof message === 'string') {
    return hideUrls(message)
  }
  return code === undefined || code === name ? name : `${name} (${code})`
}

// The SDK's errors carry whole responses, and its signers the signature.
function withoutSecrets(thrown: unknown, name: string, status: number | undefined): Error {
  const cause = new Error(describe(thrown, name, status))
  Object.defineProperty(cause, 'name', { value: name, configurable: true })
  const code = identifierOf(thrown, 'code')
  const stack: unknown = read(thrown, 'stack')
  const frames = typeof stack === 'string' ? stack.split('\n').filter(isFrame) : []
  Object.defineProperty(cause, 'stack', {
    value: [`${name}: ${cause.message}`, ...frames].join('\n'),
    configurable: true,
    writable: true,
  })
  return code === undefined ? cause : Object.assign(cause, { code })
}

function isFrame(line: string): boolean {
  return /^\s+at .*(\(|\s)(node:|file:|\/|[A-Z]:\\|<anonymous>|native)/.test(line)
}

/** `text` with every URL cut down to its host, for queries may be signatures and users passwords. */
export function hideUrls(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"']*@?[^\s"']*/gi, (url) => {
    return URL.canParse(url) ? `${new URL(url).protocol}//${new URL(url).host}` : 'a URL'
  })
}

function statusOf(thrown: unknown): number | undefined {
  const status: unknown = read(read(thrown, '$metadata'), 'httpStatusCode')
  return typeof status === 'number' ? status : undefined
}

function requestIdOf(thrown: unknown): string | undefined {
  return identifierOf(read(thrown, '$metadata'), 'requestId')
}

// Words only: whatever is longer or stranger than a name may hold anything, a key or a token say.
const identifiers = {
  name: /^(XAmzContentSHA256Mismatch|[A-Za-z]{1,64})$/,
  code: /^[A-Z][A-Z0-9_]{1,47}$/,
  syscall: /^[a-z]{1,16}$/,
  requestId: /^[\w-]{1,80}$/,
} as const

function identifierOf(value: unknown, key: keyof typeof identifiers): string | undefined {
  const found = read(value, key)
  return typeof found === 'string' && identifiers[key].test(found) ? found : undefined
}

function read(value: unknown, key: string): unknown {
  return value !== null && typeof value === 'object' ? Reflect.get(value, key) : undefined
}

// The one error class of stores, and the list of its codes. Any thread; no state.

/**
 * Codes that this project's stores use. A code never changes its meaning.
 *
 * Beside them, the name that the operating system gave a failure is passed on as it is: 'ENOENT',
 * 'EACCES', 'EIO', 'ENOSPC'. Stores of others add codes of their own, with a prefix of their own.
 */
export const storeErrorCodes = {
  /** The store was closed before the call. */
  closed: 'STORE_CLOSED',
  /** An earlier flush failed, so that written bytes may be lost; only opening again heals it. */
  flushLost: 'STORE_FLUSH_LOST',
  /** A module, or the object that it opened, does not keep the contract. */
  invalid: 'STORE_INVALID',
  /** The module of a store cannot be found or loaded. */
  module: 'STORE_MODULE',
  /** A range reaches past the end of the store. */
  range: 'STORE_RANGE',
  /** A write to a store that was opened without write access. */
  readOnly: 'STORE_READ_ONLY',
  /** The store does not have the size that was asked for, and cannot be given it. */
  size: 'STORE_SIZE',
  /** A call took longer than the timeout layer allows. */
  timeout: 'STORE_TIMEOUT',
  /** The store lost bytes at its end while it was open. */
  truncated: 'STORE_TRUNCATED',
  /** A failure that carries no code of its own. */
  unknown: 'STORE_UNKNOWN',
  /** The store cannot do what was asked of it, in this place or on this machine. */
  unsupported: 'STORE_UNSUPPORTED',
} as const

/** One of the codes in {@link storeErrorCodes}. */
export type StoreErrorCode = (typeof storeErrorCodes)[keyof typeof storeErrorCodes]

/** What {@link StoreError} is made of, beside its message. */
export interface StoreErrorOptions {
  /** Stable, in capitals: one of {@link storeErrorCodes}, an errno name, or the store's own. */
  readonly code: string
  /** Whether the same call may succeed later with nothing changed by the program. Default false. */
  readonly retryable?: boolean
  /** The error below this one. */
  readonly cause?: unknown
}

/** A store failed at its work. Bad arguments are `TypeError` or `RangeError` instead. */
export class StoreError extends Error {
  /** See {@link StoreErrorOptions.code}. */
  readonly code: string
  /** See {@link StoreErrorOptions.retryable}. */
  readonly retryable: boolean

  // On the prototype, so that the name is known when the stack's first line is made.
  static {
    StoreError.prototype.name = 'StoreError'
  }

  /** Throws nothing; `code` is required because callers decide by it, not by the message. */
  constructor(message: string, options: StoreErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code
    this.retryable = options.retryable ?? false
  }
}

// Conditions that pass by themselves or that an administrator lifts while the program runs. EIO is
// among them because network and virtual disks report lost links that way. ESTALE is not: the
// descriptor names a file that is gone, and only opening again can help.
const retryableCodes: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EAI_AGAIN',
  'EBUSY',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EDQUOT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EINTR',
  'EIO',
  'EMFILE',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'ENOSPC',
  'EPIPE',
  'ETIMEDOUT',
])

/**
 * Whether a failure of the operating system with this errno name ('EIO', 'ECONNRESET') may pass by
 * itself. It holds for reads and writes, not for a failed flush: the kernel forgets the pages that
 * it could not write, so a repeated fsync() succeeds though the bytes are lost (fsync(2), errors).
 */
export function isRetryableCode(code: string): boolean {
  return retryableCodes.has(code)
}

/**
 * Whether the call that failed with `error` may succeed when it is repeated: what the error's own
 * `retryable` says, else what its `code` says ({@link isRetryableCode}). Never throws.
 */
export function isRetryable(error: unknown): boolean {
  const retryable = readProperty(error, 'retryable')
  if (typeof retryable === 'boolean') {
    return retryable
  }
  const code = readProperty(error, 'code')
  return typeof code === 'string' && isRetryableCode(code)
}

/**
 * A property of what a store has thrown, which may be anything; undefined where it is no object,
 * and where a getter or a proxy throws.
 */
export function readProperty(value: unknown, key: string): unknown {
  try {
    return value !== null && typeof value === 'object' ? Reflect.get(value, key) : undefined
  } catch {
    return undefined
  }
}

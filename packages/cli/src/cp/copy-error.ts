// The failures of `umap cp`: each with a stable code and, where there is one, the way out. Messages
// name stores by their labels only, so that no option of a store is ever printed.

/** Codes of `umap cp`, beside those of the stores. A code never changes its meaning. */
export const copyErrorCodes = {
  /** The user stopped it. */
  interrupted: 'CP_INTERRUPTED',
  /** The journal cannot be kept or read. */
  journal: 'CP_JOURNAL',
  /** TO holds data, or an unfinished copy of something else. */
  notEmpty: 'CP_NOT_EMPTY',
  /** TO cannot be written. */
  readOnly: 'CP_READ_ONLY',
  /** FROM and TO are the same store. */
  same: 'CP_SAME',
  /** TO has another size than FROM. */
  size: 'CP_SIZE',
  /** FROM changed while, or since, it was copied. */
  sourceChanged: 'CP_SOURCE_CHANGED',
  /** TO did not give back what was written to it. */
  verify: 'CP_VERIFY',
} as const

/** A copy that failed or was stopped. */
export class CopyError extends Error {
  /** One of {@link copyErrorCodes}, or the code of the store that failed. */
  readonly code: string
  /** What the user can do about it, as the end of a sentence. */
  readonly wayOut: string | undefined
  /** Where the same command goes on: bytes that are durable in TO. Undefined: it does not. */
  resumableBytes: number | undefined

  static {
    CopyError.prototype.name = 'CopyError'
  }

  constructor(
    message: string,
    options: { readonly code: string; readonly wayOut?: string; readonly cause?: unknown },
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code
    this.wayOut = options.wayOut
  }
}

/** What a store threw, with the store's label before the message and its code kept. */
export function toCopyError(error: unknown, label: string): CopyError {
  if (error instanceof CopyError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CopyError(`${label}: ${message}`, { code: codeOf(error), cause: error })
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code === 'string' && code !== '') return code
  return error instanceof TypeError || error instanceof RangeError ? 'OPTIONS' : 'STORE_UNKNOWN'
}

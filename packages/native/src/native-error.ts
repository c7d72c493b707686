// The error that native code throws and rejects with. The addon makes instances of this class
// itself, so it must keep its constructor. Any thread; no state.

/**
 * The engine, the kernel or a store refused an operation.
 *
 * Bad arguments are `TypeError` or `RangeError` instead.
 */
export class NativeError extends Error {
  /** What kind of failure it was: a positive errno of Linux, such as 28 for ENOSPC. */
  readonly errno: number
  /** Whether the same operation may succeed when it is repeated. */
  readonly retryable: boolean
  /** The error of a JavaScript store, serialised as JSON; undefined for everything else. */
  declare readonly detail?: string

  // On the prototype, so that the name is known when the stack's first line is made.
  static {
    NativeError.prototype.name = 'NativeError'
  }

  /** Throws nothing. Called by the addon, with exactly these arguments. */
  constructor(message: string, errno: number, retryable: boolean, detail?: string) {
    super(message)
    this.errno = errno
    this.retryable = retryable
    if (detail !== undefined) this.detail = detail
  }
}

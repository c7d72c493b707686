// The one error class of `@umap/core` and the table of its codes. Any thread; no state.

/**
 * Codes of {@link UmapError}. A code never changes its meaning.
 *
 * | code | when | what helps |
 * |---|---|---|
 * | `UMAP_UNSUPPORTED` | this platform, kernel, build or Node release cannot do it | the message says what is missing |
 * | `UMAP_PERMISSION` | the kernel could, but this user may not | one of the remedies in the message |
 * | `UMAP_CLOSED` | a region, page buffer or handle was used after its close | – |
 * | `UMAP_STORE` | the store failed, or the host that runs it; `cause` is its `StoreError` | see `cause.code`; the operation may be repeated |
 * | `UMAP_NO_MEMORY` | address space, memory, or the page buffer is too small for the request | a smaller request, a larger buffer |
 * | `UMAP_READ_ONLY` | a change was asked of a region that is mapped read-only | `access: 'read-write'` |
 * | `UMAP_SERVER_GONE` | a server is not there, has ended, or did not answer within `serverTimeoutMs`; pages that are not in memory raise SIGBUS | connect again, map again |
 * | `UMAP_NO_DATA_SET` | a server has no data set of that name | its configuration |
 * | `UMAP_ENGINE` | the engine or the kernel failed in a way that has no code of its own | `cause` |
 */
export const umapErrorCodes = {
  unsupported: 'UMAP_UNSUPPORTED',
  permission: 'UMAP_PERMISSION',
  closed: 'UMAP_CLOSED',
  store: 'UMAP_STORE',
  noMemory: 'UMAP_NO_MEMORY',
  readOnly: 'UMAP_READ_ONLY',
  serverGone: 'UMAP_SERVER_GONE',
  noDataSet: 'UMAP_NO_DATA_SET',
  engine: 'UMAP_ENGINE',
} as const

/** One of the codes in {@link umapErrorCodes}. */
export type UmapErrorCode = (typeof umapErrorCodes)[keyof typeof umapErrorCodes]

/** Where in a region an operation failed. */
export interface UmapErrorPlace {
  /** What the engine was doing: 'fill' or 'write-back'. */
  readonly operation: 'fill' | 'write-back'
  /** First byte of the part that failed, counted from the start of the region. */
  readonly offset: number
  readonly byteLength: number
}

/** What {@link UmapError} is made of, beside its message. */
export interface UmapErrorOptions {
  readonly code: UmapErrorCode
  /** The error below this one: what the store or the kernel said. */
  readonly cause?: unknown
  /** Only for the failures that a region's `error` event tells of. */
  readonly place?: UmapErrorPlace
}

/** Mapping, paging or closing failed. Bad arguments are `TypeError` or `RangeError` instead. */
export class UmapError extends Error {
  /** Stable; see {@link umapErrorCodes}. */
  readonly code: UmapErrorCode
  /** Set where the failure has a place in a region. */
  declare readonly place?: UmapErrorPlace

  // On the prototype, so that the name is known when the stack's first line is made.
  static {
    UmapError.prototype.name = 'UmapError'
  }

  /** Throws nothing; `code` is required because callers decide by it, not by the message. */
  constructor(message: string, options: UmapErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code
    if (options.place !== undefined) {
      this.place = options.place
    }
  }
}

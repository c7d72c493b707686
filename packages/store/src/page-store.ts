// The contract between the engine and a store: the object that holds the bytes of a region.
// Only types live here. Stores run in a store host (a worker thread or a process of its own),
// never in a thread that touches mapped memory.

/** How a store is going to be used. */
export type StoreAccess = 'read-only' | 'read-write'

/** Passed to every `read` and `write`. */
export interface StoreCallOptions {
  /**
   * Aborted when nobody waits for the answer any more. A store may ignore it. One that obeys it
   * rejects with `signal.reason`, and not before it has stopped using the caller's memory.
   */
  readonly signal: AbortSignal
}

/** What a store can do: plain data that the engine obeys. It must not change while it is open. */
export interface StoreCapabilities {
  /** Whether `write` works. A writable store has a `write` function. */
  readonly writable: boolean
  /** How many calls in flight the store wants; an integer, at least 1. */
  readonly concurrencyMax: number
  /**
   * Bytes that one call should cover at most: the engine coalesces neighbouring pages up to this.
   * A single page is never split, so a call is longer only where a page is.
   */
  readonly callBytesMax: number
  /** A crash leaves either all or none of what one `flush` covers. */
  readonly atomicFlush: boolean
  /**
   * A descriptor, open in this process, that holds the store's bytes from offset 0 on. The engine
   * may do the I/O itself on it, beside `read` and `write`. It stays the store's: the engine never
   * closes it, and has stopped using it when it calls `close`.
   */
  readonly nativeFd?: number
  /** The engine should bypass the page cache on `nativeFd` (O_DIRECT) where that is possible. */
  readonly nativeDirect?: boolean
}

/** Nothing, or 'hole' for a range that was never written. */
export type ReadResult = Promise<void | 'hole'> | void | 'hole'

/**
 * One open store object.
 *
 * Offsets and lengths that the engine passes are multiples of the region's page size, save for the
 * tail, and never reach past `byteLength`. Calls whose ranges overlap are never in flight together
 * where one of them writes. Nothing is called after `close`.
 */
export interface PageStore {
  /** Size in bytes, a safe integer. It does not change while the store is open. */
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  /**
   * Names the durable bytes: stores with the same version and the same `byteLength` hold the same
   * bytes, whoever opens them, whenever. So it holds a hash of the contents, or an id of the data
   * set beside a counter (an S3 object: its ETag). It changes whenever anybody else has changed the
   * bytes; a store that changes it by its own writes shows the new one once `flush` has resolved.
   * Left out by stores that cannot tell, such as a file.
   */
  readonly version?: string
  /**
   * Fills all of `target` with the bytes from `offset` on, or rejects: a short read is an error.
   * Resolves to 'hole' when the whole range was never written; `target` is ignored then, and the
   * range reads as zeros. `target` must not be touched once the call has settled.
   */
  read(offset: number, target: Uint8Array, options: StoreCallOptions): ReadResult
  /**
   * Writes all of `source` at `offset`, or rejects. After a rejection the range may hold old
   * bytes, new bytes or a mixture; the engine keeps the page and writes it again. `source` is valid
   * until the call settles. A later `read` sees the bytes; they are durable after `flush`.
   */
  write?(offset: number, source: Uint8Array, options: StoreCallOptions): Promise<void> | void
  /** Makes durable what every `write` and `discard` wrote that resolved before this call. */
  flush?(): Promise<void> | void
  /** The bytes are no longer needed: the range reads as zeros, and should cost no space. */
  discard?(offset: number, byteLength: number): Promise<void> | void
  /** Releases everything. Idempotent; waits for calls in flight. Does not imply `flush`. */
  close(): Promise<void> | void
}

/** What a store is told, beside its own options, when it is opened. */
export interface OpenStoreContext {
  /**
   * 'read-only': nothing will be written, and nothing but reading needs to be permitted.
   * 'read-write': the opening fails where writing is not permitted.
   * Not given: writable where that is permitted, which `capabilities.writable` then says.
   */
  readonly access?: StoreAccess
  /**
   * Names the one who opens the store. An opening that repeats another one, because the host of the
   * store died, has the session of the first: what was written and not yet flushed belongs to it,
   * and is still there where the store kept it outside of its host.
   */
  readonly session?: string
  /**
   * Only of an opening that repeats another one: the `version` that the first had. A read-only
   * store whose bytes are others by now must refuse, since pages of the first are in use.
   */
  readonly version?: string
}

/** What the module of a store exports, under the name `openStore` unless its reference says else. */
export type OpenStore<O = unknown> = (
  options: O,
  context?: OpenStoreContext,
) => PageStore | Promise<PageStore>

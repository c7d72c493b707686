// What an open S3 store counts. Plain numbers, changed in one thread only.

/** A snapshot of what a store did since it was opened. */
export interface S3StoreStats {
  /** Attempts that were sent to the server. */
  readonly requests: number
  /** Attempts after the first one of a call. */
  readonly retries: number
  /** Retries that may still be spent before calls fail with their first error. */
  readonly retriesLeft: number
  /** Answers that asked for fewer requests (SlowDown, 503, 429). */
  readonly slowDowns: number
  /** Bytes that reads were asked for and have delivered. */
  readonly neededBytes: number
  /** Bytes of bodies that arrived, those of failed attempts among them. */
  readonly fetchedBytes: number
  /** Bytes of bodies that were sent, those of failed attempts among them. */
  readonly sentBytes: number
  /** `fetchedBytes / neededBytes`; 1 is perfect, less is shared. 0 before anything was needed. */
  readonly readAmplification: number
  /** Reads that were put into one request together with a neighbour. */
  readonly coalescedReads: number
  /** Reads that waited for bytes that another read had asked for already. */
  readonly sharedReads: number
  /** Reads whose caller gave up. */
  readonly cancelledReads: number
}

/** The counters behind {@link S3StoreStats}. */
export class S3Counters {
  requests = 0
  retries = 0
  slowDowns = 0
  neededBytes = 0
  fetchedBytes = 0
  sentBytes = 0
  coalescedReads = 0
  sharedReads = 0
  cancelledReads = 0

  /** A snapshot; `retriesLeft` is known to the retry budget. */
  snapshot(retriesLeft: number): S3StoreStats {
    const { neededBytes, fetchedBytes } = this
    return {
      ...this,
      retriesLeft,
      readAmplification: neededBytes === 0 ? 0 : fetchedBytes / neededBytes,
    }
  }
}

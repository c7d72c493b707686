// What a cache layer counts. Types only.

/** Counters since the opening; blocks, not calls. */
export interface CacheStats {
  /** Served from the cache file, holes included. */
  readonly hits: number
  /** Read from the store below. */
  readonly misses: number
  /** Found with other bytes than were put in, and read from the store below. */
  readonly torn: number
  /** Put into the cache file. */
  readonly inserts: number
  /** Left the cache file to make room. */
  readonly evictions: number
  /** Not put in: too much was waiting, the disk is full, or they were written meanwhile. */
  readonly dropped: number
  /** Why the store runs without its cache, such as 'in use by another process'. */
  readonly uncached?: string
}

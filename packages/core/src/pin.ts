// A part of a region that stays resident until it is released. Belongs to the thread that made it.

/** What `Region.pin` returns. */
export interface Pin {
  /** First byte, counted from the start of the region. */
  readonly offset: number
  readonly byteLength: number
  /** The pages may be evicted again. Idempotent; closing the region does it as well. */
  release(): void
  /** The same as `release`. */
  [Symbol.dispose](): void
}

/** A pin whose `release` calls `unpin` once. */
export function createPin(offset: number, byteLength: number, unpin: () => void): Pin {
  let isReleased = false
  const release = () => {
    if (!isReleased) {
      isReleased = true
      unpin()
    }
  }
  return Object.freeze({ offset, byteLength, release, [Symbol.dispose]: release })
}

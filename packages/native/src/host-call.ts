// A call on a JavaScript store, as the thread that runs the store is shown it.

/** What a call asks of a store; the engine names each by its place in this list. */
export const hostOps = ['read', 'write', 'flush', 'discard'] as const

/** A call that waits for a JavaScript store. */
export interface HostCall {
  readonly token: number
  readonly storeKey: number
  readonly op: (typeof hostOps)[number]
  /** In the store; 0 for flush. */
  readonly offset: number
  readonly byteLength: number
  /** Where the call's bytes lie in the arena; 0 for flush and discard. */
  readonly arenaOffset: number
}

/**
 * Is shown each call: the members of {@link HostCall} in their order, `op` as index of `hostOps`.
 * True: it has not answered yet, and has made sure that a microtask calls `hostTurn`.
 */
export type OnHostCall = (
  token: number,
  storeKey: number,
  op: number,
  offset: number,
  byteLength: number,
  arenaOffset: number,
) => boolean

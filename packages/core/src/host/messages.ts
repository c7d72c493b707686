// What the three parts of a store host say to each other: the thread that maps regions, the
// supervisor, and the thread or process that runs the stores. Plain data only.

import type { SerializedError, StoreAccess, StoreCapabilities, StoreRef } from '@umap/store'

/** Key of the environment data that marks a thread which runs stores, and its children. */
export const storeHostMark = 'umap.store-host'

/** Where a host's stores run. */
export type HostPlace = 'worker' | 'process'

/** From the mapping thread, through the supervisor, to what runs the stores. */
export type HostRequest =
  | OpenRequest
  | { readonly type: 'close'; readonly storeKey: number }
  | { readonly type: 'serve'; readonly hostId: number }
  | { readonly type: 'unserve'; readonly hostId: number }
  | { readonly type: 'end' }

/** Opens a store under a number that the mapping thread chose. */
export interface OpenRequest {
  readonly type: 'open'
  readonly storeKey: number
  readonly ref: StoreRef
  readonly access: StoreAccess
  /** Of the first opening and of those that repeat it. */
  readonly session?: string
  /** What the store said of itself when it was first opened. */
  readonly version?: string
  /** Opened again after a death: no reply, and not before the first call on it. */
  readonly again?: boolean
}

/** What the mapping thread has to know of an open store. */
export interface StoreDescription {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly canDiscard: boolean
  readonly version?: string
}

/** From what runs the stores, or the supervisor, to the mapping thread. */
export type HostReply =
  | { readonly type: 'opened'; readonly storeKey: number; readonly description: StoreDescription }
  | { readonly type: 'closed'; readonly storeKey: number; readonly error?: SerializedError }
  | { readonly type: 'failed'; readonly storeKey: number; readonly error: SerializedError }

/** From a process that runs stores to the supervisor. */
export type ProcessReply =
  | HostReply
  /** The last word of one in which nobody caught an exception. */
  | { readonly type: 'died'; readonly reason: string }

/** The descriptor of a process that runs stores at which it finds its link to the engine. */
export const processLinkFd = 4

/** What a supervisor is started with. */
export interface SupervisorData {
  readonly place: HostPlace
  /** For what runs the stores: loaders and preloads of the program. */
  readonly execArgv: readonly string[]
}

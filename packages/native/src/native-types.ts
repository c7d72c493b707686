// The plain data that goes in and out of the addon. Types only.

import type { NativeError } from './native-error.ts'

/** A page buffer; valid in every thread of the process. */
export type BufferId = number
/** An open region; valid in every thread of the process. */
export type RegionId = number
/** A store host; valid in every thread of the process. */
export type HostId = number

/** What keeps a server's descriptors beyond its death; valid in the thread that made it. */
export type KeeperId = number
/** A server's end of a keeper; valid in every thread of the process. */
export type LedgerId = number
/** A server; valid in every thread of the process. */
export type ServerId = number

/** A link to a process that runs stores; valid in the thread that made it. */
export type HostLinkId = number

/** A connection to a server; valid in every thread of the process. */
export type ClientId = number

/** Where a region's bytes are. */
export type NativeStoreSpec = NativeFileStoreSpec | NativeHostStoreSpec

/** A file, on which the engine does the I/O itself. */
export interface NativeFileStoreSpec {
  readonly kind: 'file'
  /** Duplicated; the caller may close its own at once. */
  readonly fd: number
  readonly direct: boolean
  readonly byteLength: number
  readonly writable: boolean
  /** Names the store in messages. */
  readonly label: string
  readonly callBytesMax?: number
  readonly concurrencyMax?: number
}

/** A JavaScript store that the worker of a store host runs. */
export interface NativeHostStoreSpec {
  readonly kind: 'host'
  readonly hostId: HostId
  /** Which store of that host; the worker finds it in each call. */
  readonly storeKey: number
  readonly byteLength: number
  readonly writable: boolean
  /** Names the store in messages. */
  readonly label: string
  readonly callBytesMax: number
  readonly concurrencyMax: number
  readonly canDiscard: boolean
}

/** The calls of a store host, for who supervises it. */
export interface HostCallStats {
  /** Whether a worker serves it now. */
  readonly served: boolean
  /** Calls that wait or are in flight. */
  readonly pending: number
  /** Calls that were shown to the worker and not answered yet. */
  readonly inFlight: number
  /** Age of the oldest pending call. */
  readonly oldestAgeMs: number
  readonly completed: number
  readonly failed: number
  /** Calls that went back to the queue because their worker died. */
  readonly requeued: number
}

/** A page buffer's bytes, now; `residentBytesMax` is the highest so far. */
export interface NativeBufferStats {
  readonly budgetBytes: number
  readonly residentBytes: number
  readonly residentBytesMax: number
  readonly mappedBytes: number
  readonly standbyBytes: number
  readonly dirtyBytes: number
  readonly regions: number
}

/** What a region is. */
export interface NativeRegionInfo {
  readonly byteLength: number
  readonly pageBytes: number
  readonly writable: boolean
  readonly bufferId: BufferId
  /** Buffers over this region's memory that V8 has not let go of, in all isolates. */
  readonly mapped: number
}

/** How faults of a region shall arrive; 'auto' is the best way that this machine allows. */
export type FaultChoice = 'auto' | 'userfaultfd' | 'signal' | 'in-thread'

/** What a server kept of a data set when it died. */
export interface NativeKeptDataset {
  readonly name: string
  readonly pageBytes: number
  readonly byteLength: number
  readonly writable: boolean
}

/** What a server may not take more of than this; what is left out is the engine's default. */
export interface NativeServerLimits {
  readonly clientsMax?: number
  readonly mappingsMax?: number
  readonly pinnedBytesMax?: number
  readonly faultsInFlightMax?: number
}

/** Who may map a data set. */
export interface NativeAllowRule {
  readonly uid?: number
  readonly gid?: number
  readonly writable: boolean
}

/** How faults of a region arrive; only in the first way do system calls fill absent pages. */
export type FaultMode = 'userfaultfd' | 'userfaultfd-user-mode' | 'signal' | 'in-thread'

/** Times in microseconds. */
export interface NativeLatency {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A region's counters. */
export interface NativeRegionStats {
  readonly faultMode: FaultMode
  readonly faults: number
  readonly fills: number
  readonly fillBytes: number
  readonly evictions: number
  readonly standbyHits: number
  readonly writeProtectFaults: number
  readonly writeBacks: number
  readonly writeBackBytes: number
  readonly residentBytes: number
  readonly dirtyBytes: number
  readonly pinnedBytes: number
  readonly readAheadBytes: number
  readonly readAheadUsedBytes: number
  readonly storeErrors: number
  readonly faultLatencyUs: NativeLatency
  readonly fillLatencyUs: NativeLatency
}

/** A data set of a server, mapped. */
export interface NativeMappedDataset {
  /** 0 where it has no bytes. This environment holds one reference, as of a region it opened. */
  readonly regionId: RegionId
  readonly byteLength: number
  readonly pageBytes: number
}

/** Something that happened to a region outside of any call. */
export interface NativeRegionEvent {
  readonly kind: 'fill' | 'write-back' | 'pressure' | 'stall' | 'server-gone'
  /** What failed, or what the stall waits for. */
  readonly error?: NativeError
  /** In the region. */
  readonly offset: number
  readonly byteLength: number
  /** The new budget, for 'pressure'. */
  readonly budgetBytes: number
}

// What a server tells about itself, as plain data with names that never change. Types only.

import type { LatencyStats, PageBufferStats, RegionStats } from '@umap/core/shared'

/** Faults of clients on one data set; counted since this server process started. */
export interface ClientFaultStats {
  readonly faults: number
  /** Those of them whose page was resident: nothing had to be filled. */
  readonly residentFaults: number
  /** From the reading of the fault's message to the waking of the thread, in microseconds. */
  readonly latencyUs: LatencyStats
}

/** One data set. */
export interface DatasetStats {
  readonly name: string
  readonly writable: boolean
  readonly byteLength: number
  readonly pageBytes: number
  /** Mappings that clients have, now. */
  readonly mappings: number
  /** The engine's counters of its pages. */
  readonly region: RegionStats
  /** Of all clients together, those that have gone included. */
  readonly clients: ClientFaultStats
}

/** One mapping of one client. */
export interface ClientMappingStats {
  readonly dataset: string
  readonly writable: boolean
  readonly pinnedBytes: number
  /** Threads that wait for a page, now. */
  readonly waiting: number
  readonly faults: ClientFaultStats
}

/** One client, which is a process; pid, uid and gid are as the kernel says them. */
export interface ClientStats {
  readonly client: number
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly pinnedBytes: number
  readonly faultsInFlight: number
  readonly requestsInFlight: number
  readonly mappings: readonly ClientMappingStats[]
}

/** A snapshot of a server. */
export interface ServerStats {
  /** 1, and one more with each server process that took over from one that died. */
  readonly generation: number
  /** Of this server process. */
  readonly uptimeMs: number
  readonly connections: number
  /** Clients that broke a rule, or were not allowed in. */
  readonly clientsDropped: number
  readonly buffer: PageBufferStats
  readonly datasets: readonly DatasetStats[]
  readonly clients: readonly ClientStats[]
}

// The statistics of a region as plain data with names that never change. Pure.

import type { FaultMode, NativeRegionStats } from '@umap/native'

/** Latencies in microseconds. */
export interface LatencyStats {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** What `Region.stats()` returns: counters since the region was opened, and sizes now. */
export interface RegionStats {
  /**
   * How faults reach the engine, as `umap({ faults })` and the machine decided it; only with
   * 'userfaultfd' do system calls fill absent pages. null for a region of no bytes.
   */
  readonly faultMode: FaultMode | null
  /** Accesses that the kernel handed to the engine; write-protect faults are among them. */
  readonly faults: number
  /** Pages whose bytes were read from the store, read-ahead included. */
  readonly fills: number
  readonly fillBytes: number
  readonly evictions: number
  /** Faults that a standby page answered, with no store I/O. */
  readonly standbyHits: number
  /** First writes to clean pages. */
  readonly writeProtectFaults: number
  readonly writeBacks: number
  readonly writeBackBytes: number
  readonly residentBytes: number
  readonly dirtyBytes: number
  readonly pinnedBytes: number
  /** Bytes that were read ahead of any fault. */
  readonly readAheadBytes: number
  /** Those of them that were touched. */
  readonly readAheadUsedBytes: number
  /** Store calls that failed, repeated ones included. */
  readonly storeErrors: number
  /** From the reading of the fault's message to the waking of the thread. */
  readonly faultLatencyUs: LatencyStats
  /** Of the store's reads. */
  readonly fillLatencyUs: LatencyStats
}

/** A plain copy of the engine's counters. */
export function regionStatsOf(stats: NativeRegionStats): RegionStats {
  return {
    ...stats,
    faultLatencyUs: { ...stats.faultLatencyUs },
    fillLatencyUs: { ...stats.fillLatencyUs },
  }
}

/** The statistics of a region to which nothing can happen. */
export function emptyRegionStats(): RegionStats {
  const latency = { count: 0, p50: 0, p99: 0, max: 0 }
  return {
    faultMode: null,
    faults: 0,
    fills: 0,
    fillBytes: 0,
    evictions: 0,
    standbyHits: 0,
    writeProtectFaults: 0,
    writeBacks: 0,
    writeBackBytes: 0,
    residentBytes: 0,
    dirtyBytes: 0,
    pinnedBytes: 0,
    readAheadBytes: 0,
    readAheadUsedBytes: 0,
    storeErrors: 0,
    faultLatencyUs: { ...latency },
    fillLatencyUs: { ...latency },
  }
}

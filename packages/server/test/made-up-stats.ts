// Statistics of a server that does not exist, with a figure of its own in each field.

import type { ServerStats } from '../dist/index.js'

/** Latencies in microseconds. */
function latency(count: number) {
  return { count, p50: 12, p99: 340, max: 5000 }
}

/** Two data sets; one client that maps both, and one that maps none. */
export const madeUpStats: ServerStats = {
  generation: 3,
  uptimeMs: 90_500,
  connections: 17,
  clientsDropped: 2,
  buffer: {
    budgetBytes: 2 ** 30,
    residentBytes: 2 ** 29,
    residentBytesMax: 2 ** 29,
    mappedBytes: 2 ** 28,
    standbyBytes: 4096,
    dirtyBytes: 8192,
    regions: 2,
  },
  datasets: ['points', 'a "quoted" \\ name'].map((name) => ({
    name,
    writable: true,
    byteLength: 2 ** 32,
    pageBytes: 65_536,
    mappings: 1,
    region: {
      faultMode: null,
      faults: 0,
      fills: 1001,
      fillBytes: 1002,
      evictions: 1003,
      standbyHits: 1004,
      writeProtectFaults: 1005,
      writeBacks: 1006,
      writeBackBytes: 1007,
      residentBytes: 1008,
      dirtyBytes: 1009,
      pinnedBytes: 1010,
      readAheadBytes: 1011,
      readAheadUsedBytes: 1012,
      storeErrors: 1013,
      faultLatencyUs: latency(0),
      fillLatencyUs: latency(1001),
    },
    clients: { faults: 2000, residentFaults: 1500, latencyUs: latency(2000) },
  })),
  clients: [
    {
      client: 1,
      pid: 4242,
      uid: 1000,
      gid: 1000,
      pinnedBytes: 4096,
      faultsInFlight: 1,
      requestsInFlight: 0,
      mappings: ['points', 'a "quoted" \\ name'].map((dataset) => ({
        dataset,
        writable: dataset === 'points',
        pinnedBytes: 4096,
        waiting: 1,
        faults: { faults: 300, residentFaults: 100, latencyUs: latency(300) },
      })),
    },
    {
      client: 2,
      pid: 4343,
      uid: 0,
      gid: 0,
      pinnedBytes: 0,
      faultsInFlight: 0,
      requestsInFlight: 0,
      mappings: [],
    },
  ],
}

// The tables of `umap stat`, from made-up servers.

import type { ServerStats } from '@umap/server'
import { describe, expect, it } from 'vitest'
import { formatStats } from '../dist/stat/stat-text.js'
import { formatTable } from '../dist/stat/table.js'

const latencyUs = { count: 100, p50: 3.14, p99: 2500, max: 1e6 }
const none = { count: 0, p50: 0, p99: 0, max: 0 }

function serverWith(faults: number, residentFaults: number): ServerStats {
  const region = {
    faultMode: null,
    faults: 0,
    fills: 0,
    fillBytes: 0,
    evictions: 0,
    standbyHits: 0,
    writeProtectFaults: 0,
    writeBacks: 0,
    writeBackBytes: 0,
    residentBytes: 2 ** 20,
    dirtyBytes: 65_536,
    pinnedBytes: 0,
    readAheadBytes: 0,
    readAheadUsedBytes: 0,
    storeErrors: 0,
    faultLatencyUs: none,
    fillLatencyUs: none,
  }
  const clients = { faults, residentFaults, latencyUs }
  const mapping = { dataset: 'points', writable: true, pinnedBytes: 0, waiting: 2, faults: clients }
  const client = { uid: 5, gid: 5, pinnedBytes: 0, faultsInFlight: 2, requestsInFlight: 0 }
  return {
    generation: 2,
    uptimeMs: 3_600_000,
    connections: 4,
    clientsDropped: 1,
    buffer: {
      budgetBytes: 2 ** 30,
      residentBytes: 2 ** 29,
      residentBytesMax: 2 ** 29,
      mappedBytes: 0,
      standbyBytes: 0,
      dirtyBytes: 65_536,
      regions: 1,
    },
    datasets: [
      {
        name: 'points',
        writable: true,
        byteLength: 2 ** 32,
        pageBytes: 65_536,
        mappings: 1,
        region,
        clients,
      },
    ],
    clients: [
      { ...client, client: 1, pid: 4242, mappings: [mapping] },
      { ...client, client: 2, pid: 4343, mappings: [] },
    ],
  }
}

/** The cells of the line that begins with `first`. */
function row(text: string, first: string): string[] {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${first} `))
  return (line ?? '').split(/ {2,}/)
}

describe('the tables of umap stat', () => {
  const interval = { before: serverWith(1000, 500), seconds: 2 }
  const text = formatStats(serverWith(5000, 1250), interval)

  it('say what there is, and how fast it changes', () => {
    expect(text.split('\n').slice(0, 2)).toEqual([
      'up 1 h 0 min, 1 restarts, 2 clients (1 dropped)',
      '512 MiB of 1 GiB resident, 64 KiB dirty',
    ])
    expect(row(text, 'points')).toEqual([
      'points',
      '4 GiB',
      '1 MiB',
      '64 KiB',
      '1',
      '2,000',
      '25 %',
      '3.1 µs',
      '2.5 ms',
      '-',
      '-',
    ])
  })

  it('have a row for each mapping, and one for a client without any', () => {
    expect(row(text, '1').slice(1, 8)).toEqual([
      '4242',
      '5',
      'points',
      'read-write',
      '0 bytes',
      '2',
      '2,000',
    ])
    expect(row(text, '2').slice(1, 5)).toEqual(['4343', '5', '-', '-'])
  })

  it('count a server process that has begun anew from 0', () => {
    expect(row(formatStats(serverWith(100, 50), interval), 'points')[5]).toBe('50')
  })

  it('have columns that are as wide as their widest cell', () => {
    const columns = [{ title: 'NAME', align: 'left' as const }, { title: 'N' }]
    const lines = formatTable(columns, [
      ['a', '12345'],
      ['long name', '1'],
    ])
    expect(lines).toEqual(['NAME           N', 'a          12345', 'long name      1'])
  })
})

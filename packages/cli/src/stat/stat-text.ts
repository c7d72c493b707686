// Two snapshots of a server as tables for a person: what there is now, and how fast it changes.
// Pure.

import type { ClientFaultStats, ServerStats } from '@umap/server'
import { formatBytes, formatCount } from '../amounts.ts'
import { formatDuration } from '../durations.ts'
import { type Column, formatTable } from './table.ts'

/** What there was before, as far as rates need it. */
export interface Interval {
  readonly before: ServerStats
  readonly seconds: number
}

const datasetColumns: readonly Column[] = [
  { title: 'DATA SET', align: 'left' },
  { title: 'SIZE' },
  { title: 'RESIDENT' },
  { title: 'DIRTY' },
  { title: 'MAPPINGS' },
  { title: 'FAULTS/S' },
  { title: 'HITS' },
  { title: 'FAULT P50' },
  { title: 'P99' },
  { title: 'FILL P50' },
  { title: 'P99' },
]

const clientColumns: readonly Column[] = [
  { title: 'CLIENT', align: 'left' },
  { title: 'PID' },
  { title: 'UID' },
  { title: 'DATA SET', align: 'left' },
  { title: 'ACCESS', align: 'left' },
  { title: 'PINNED' },
  { title: 'WAITING' },
  { title: 'FAULTS/S' },
  { title: 'HITS' },
  { title: 'FAULT P50' },
  { title: 'P99' },
]

/** All of it, ending with a line break. */
export function formatStats(stats: ServerStats, interval: Interval): string {
  const { buffer, generation, uptimeMs, clients, clientsDropped } = stats
  const restarts = generation > 1 ? `, ${formatCount(generation - 1)} restarts` : ''
  const dropped = clientsDropped > 0 ? ` (${formatCount(clientsDropped)} dropped)` : ''
  const lines = [
    `up ${formatDuration(uptimeMs / 1000)}${restarts}, ${formatCount(clients.length)} clients${dropped}`,
    `${formatBytes(buffer.residentBytes)} of ${formatBytes(buffer.budgetBytes)} resident, ` +
      `${formatBytes(buffer.dirtyBytes)} dirty`,
    '',
    ...formatTable(datasetColumns, datasetRows(stats, interval)),
  ]
  if (clients.length > 0) lines.push('', ...formatTable(clientColumns, clientRows(stats, interval)))
  return `${lines.join('\n')}\n`
}

function datasetRows({ datasets }: ServerStats, { before, seconds }: Interval): string[][] {
  return datasets.map(({ name, byteLength, mappings, region, clients }) => {
    const last = before.datasets.find((dataset) => dataset.name === name)?.clients
    return [
      name,
      formatBytes(byteLength),
      formatBytes(region.residentBytes),
      formatBytes(region.dirtyBytes),
      formatCount(mappings),
      ...faultCells(clients, last, seconds),
      formatMicroseconds(region.fillLatencyUs.count, region.fillLatencyUs.p50),
      formatMicroseconds(region.fillLatencyUs.count, region.fillLatencyUs.p99),
    ]
  })
}

function clientRows({ clients }: ServerStats, { before, seconds }: Interval): string[][] {
  return clients.flatMap(({ client, pid, uid, mappings }) => {
    const who = [String(client), String(pid), String(uid)]
    if (mappings.length === 0) return [[...who, '-', '-', '-', '-', '-', '-', '-', '-']]
    const last = before.clients.find((other) => other.client === client)?.mappings
    return mappings.map((mapping, index) => {
      const same = last?.[index]?.dataset === mapping.dataset ? last[index]?.faults : undefined
      return [
        ...who,
        mapping.dataset,
        mapping.writable ? 'read-write' : 'read-only',
        formatBytes(mapping.pinnedBytes),
        formatCount(mapping.waiting),
        ...faultCells(mapping.faults, same, seconds),
      ]
    })
  })
}

function faultCells(
  now: ClientFaultStats,
  before: ClientFaultStats | undefined,
  seconds: number,
): string[] {
  // A new server process counts from 0 again.
  const isSame = before !== undefined && before.faults <= now.faults
  const faults = isSame ? now.faults - before.faults : now.faults
  const { count, p50, p99 } = now.latencyUs
  return [
    formatCount(Math.round(faults / seconds)),
    now.faults === 0 ? '-' : `${Math.floor((now.residentFaults / now.faults) * 100)} %`,
    formatMicroseconds(count, p50),
    formatMicroseconds(count, p99),
  ]
}

/** "12 µs", "3.4 ms", "1.2 s"; "-" where nothing was counted. */
function formatMicroseconds(count: number, us: number): string {
  if (count === 0) return '-'
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`
  const [amount, unit] = us < 1e6 ? [us / 1000, 'ms'] : [us / 1e6, 's']
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${unit}`
}

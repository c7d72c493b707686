// The statistics of a server in the text format of Prometheus, version 0.0.4: base units, a HELP
// and a TYPE line for each family. Pure.

import type { LatencyStats } from '@umap/core/shared'
import type { ClientStats, DatasetStats, ServerStats } from './server-stats.ts'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels?: Labels
  readonly value: number
  /** Behind the family's name. */
  readonly suffix?: string
}

interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'summary'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** Content type of {@link formatMetrics}. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** One scrape. */
export function formatMetrics(stats: ServerStats): string {
  const families = [...serverFamilies(stats), ...datasetFamilies(stats), ...clientFamilies(stats)]
  return families.map(formatFamily).join('')
}

function serverFamilies(stats: ServerStats): Family[] {
  const { buffer } = stats
  return [
    gauge('umap_server_generation', 'Server processes so far, restarts included.', [
      { value: stats.generation },
    ]),
    gauge('umap_server_uptime_seconds', 'Since the server started.', [
      { value: stats.uptimeMs / 1000 },
    ]),
    counter('umap_server_connections_total', 'Connections that were taken.', [
      { value: stats.connections },
    ]),
    counter('umap_server_clients_dropped_total', 'Clients that broke a rule.', [
      { value: stats.clientsDropped },
    ]),
    gauge('umap_server_clients', 'Clients that are connected.', [{ value: stats.clients.length }]),
    gauge('umap_buffer_budget_bytes', 'Resident bytes at most.', [{ value: buffer.budgetBytes }]),
    gauge('umap_buffer_resident_bytes', 'Memory that holds pages.', [
      { value: buffer.residentBytes },
    ]),
    gauge('umap_buffer_dirty_bytes', 'Pages that are newer than their store.', [
      { value: buffer.dirtyBytes },
    ]),
  ]
}

function datasetFamilies({ datasets }: ServerStats): Family[] {
  const each = (value: (dataset: DatasetStats) => number): Sample[] =>
    datasets.map((dataset) => ({ labels: { dataset: dataset.name }, value: value(dataset) }))
  const latencies = (latency: (dataset: DatasetStats) => LatencyStats): Sample[] =>
    datasets.flatMap((dataset) => quantiles({ dataset: dataset.name }, latency(dataset)))
  return [
    ...datasetGauges.map(([name, help, value]) => gauge(name, help, each(value))),
    ...datasetCounters.map(([name, help, value]) => counter(name, help, each(value))),
    summary(
      'umap_dataset_fault_latency_seconds',
      'From the reading of a fault to the waking of its thread.',
      latencies((of) => of.clients.latencyUs),
    ),
    summary(
      'umap_dataset_fill_latency_seconds',
      'Reads of the store.',
      latencies((of) => of.region.fillLatencyUs),
    ),
  ]
}

type DatasetFigure = readonly [name: string, help: string, value: (of: DatasetStats) => number]

const datasetGauges: readonly DatasetFigure[] = [
  ['umap_dataset_size_bytes', 'Length of the data set.', (of) => of.byteLength],
  ['umap_dataset_mappings', 'Mappings that clients have.', (of) => of.mappings],
  ['umap_dataset_resident_bytes', 'Pages in memory.', (of) => of.region.residentBytes],
  ['umap_dataset_dirty_bytes', 'Pages newer than the store.', (of) => of.region.dirtyBytes],
  ['umap_dataset_pinned_bytes', 'Pages that must stay.', (of) => of.region.pinnedBytes],
]

const datasetCounters: readonly DatasetFigure[] = [
  ['umap_dataset_faults_total', 'Faults of clients.', (of) => of.clients.faults],
  [
    'umap_dataset_resident_faults_total',
    'Faults of clients on pages that were resident.',
    (of) => of.clients.residentFaults,
  ],
  ['umap_dataset_fills_total', 'Pages read from the store.', (of) => of.region.fills],
  ['umap_dataset_fill_bytes_total', 'Bytes read from the store.', (of) => of.region.fillBytes],
  ['umap_dataset_evictions_total', 'Pages evicted.', (of) => of.region.evictions],
  [
    'umap_dataset_write_back_bytes_total',
    'Bytes that the store accepted.',
    (of) => of.region.writeBackBytes,
  ],
  [
    'umap_dataset_read_ahead_bytes_total',
    'Bytes read before any fault asked for them.',
    (of) => of.region.readAheadBytes,
  ],
  [
    'umap_dataset_read_ahead_used_bytes_total',
    'Those of them that a fault then asked for.',
    (of) => of.region.readAheadUsedBytes,
  ],
  [
    'umap_dataset_store_errors_total',
    'Store calls that failed, repeated ones included.',
    (of) => of.region.storeErrors,
  ],
]

function clientFamilies({ clients }: ServerStats): Family[] {
  const each = (value: (client: ClientStats) => number): Sample[] =>
    clients.map((client) => ({
      labels: { client: String(client.client), pid: String(client.pid), uid: String(client.uid) },
      value: value(client),
    }))
  return [
    counter('umap_client_faults_total', 'Faults of the client.', each(faultsOf)),
    gauge(
      'umap_client_mappings',
      'Data sets mapped.',
      each((of) => of.mappings.length),
    ),
    gauge(
      'umap_client_pinned_bytes',
      'Bytes that it keeps pinned.',
      each((of) => of.pinnedBytes),
    ),
    gauge(
      'umap_client_faults_in_flight',
      'Threads of the client that wait for a page.',
      each((of) => of.faultsInFlight),
    ),
  ]
}

/** Faults of a client on the mappings that it has now. */
export function faultsOf(client: ClientStats): number {
  return client.mappings.reduce((sum, { faults }) => sum + faults.faults, 0)
}

function quantiles(labels: Labels, { count, p50, p99, max }: LatencyStats): Sample[] {
  const at = (quantile: string, us: number) => ({
    labels: { ...labels, quantile },
    value: us / 1e6,
  })
  return [at('0.5', p50), at('0.99', p99), at('1', max), { labels, value: count, suffix: '_count' }]
}

function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'counter', help, samples }
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples }
}

function summary(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'summary', help, samples }
}

function formatFamily({ name, type, help, samples }: Family): string {
  const lines = samples.map(
    ({ labels, value, suffix = '' }) => `${name}${suffix}${formatLabels(labels)} ${value}\n`,
  )
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function formatLabels(labels: Labels | undefined): string {
  if (labels === undefined) return ''
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

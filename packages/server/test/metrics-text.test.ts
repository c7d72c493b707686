// The metrics are what Prometheus reads: text format 0.0.4, checked line by line.

import { describe, expect, it } from 'vitest'
import { formatMetrics } from '../dist/metrics-text.js'
import { madeUpStats } from './made-up-stats.ts'

const sample = /^([a-z][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ([0-9.e+-]+)$/

/** Families with their types, and samples as `name{labels}` with their values. */
function parse(text: string) {
  expect(text.endsWith('\n')).toBe(true)
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  let family = ''
  for (const line of text.trimEnd().split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      expect(types.has(name), `${name} begins twice`).toBe(false)
      family = name
    } else if (keyword === 'TYPE') {
      expect(name, 'HELP comes first').toBe(family)
      types.set(name, rest)
    } else {
      const [, sampleName = '', labels = '', value] = sample.exec(line) ?? []
      expect(value, line).toBeDefined()
      const isCount = types.get(family) === 'summary' && sampleName === `${family}_count`
      expect(isCount || sampleName === family, `${line} is in ${family}`).toBe(true)
      const key = labels === '' ? sampleName : `${sampleName}{${labels}}`
      expect(samples.has(key), `${key} is there twice`).toBe(false)
      samples.set(key, Number(value))
    }
  }
  return { types, samples }
}

describe('metrics', () => {
  const { types, samples } = parse(formatMetrics(madeUpStats))

  it('have names with units, and counters end in _total', () => {
    expect(types.size).toBeGreaterThan(20)
    for (const [name, type] of types) {
      expect(name).toMatch(/^umap_/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
    }
  })

  it('have base units: seconds and bytes', () => {
    expect(samples.get('umap_server_uptime_seconds')).toBe(90.5)
    expect(samples.get('umap_dataset_size_bytes{dataset="points"}')).toBe(2 ** 32)
    const name = 'umap_dataset_fault_latency_seconds'
    expect(samples.get(`${name}{dataset="points",quantile="0.99"}`)).toBe(0.00034)
    expect(samples.get(`${name}_count{dataset="points"}`)).toBe(2000)
  })

  it('tell data sets and clients apart by labels, which are escaped', () => {
    const name = 'umap_dataset_faults_total{dataset="a \\"quoted\\" \\\\ name"}'
    expect(samples.get(name)).toBe(2000)
    const labels = 'client="1",pid="4242",uid="1000"'
    expect(samples.get(`umap_client_faults_total{${labels}}`)).toBe(600)
    expect(samples.get('umap_server_clients')).toBe(2)
  })

  it('leave nothing behind where there is no client', () => {
    const empty = parse(formatMetrics({ ...madeUpStats, clients: [], datasets: [] }))
    expect(empty.samples.get('umap_server_clients')).toBe(0)
  })
})

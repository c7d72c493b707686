// The report: what it says of rows that are reached, lost, or failed, and of runs that add up.

import { describe, expect, test } from 'vitest'
import type { Machine } from '../src/machine.ts'
import { type RunRecord, type ScenarioRecord, withScenario } from '../src/record.ts'
import { drawPlot } from '../src/report/draw-plot.ts'
import { formatReport } from '../src/report/format-report.ts'
import type { Comparison } from '../src/row.ts'

const machine: Machine = {
  cpuCount: 2,
  cpuModel: 'Model 1',
  memoryGibibytes: 24,
  kernel: 'Linux 6.18.0',
  fileSystem: 'ext4 (/dev/vda)',
  node: 'v24.21.0',
  commit: 'abc1234',
  load: 0.5,
}

const lost: Comparison = {
  scenario: 'scan-cold',
  case: '64 KiB pages',
  unit: 'MB/s',
  moreIsBetter: true,
  peerName: 'mmap | rival',
  ours: [100, 110, 90],
  peer: [200, 200, 200],
  reach: { ratioMin: 1 },
}

const scan: ScenarioRecord = {
  name: 'scan-cold',
  work: 'Reads all of it.',
  startedAt: '2026-01-02T03:04:05.000Z',
  seconds: 90,
  isQuick: false,
  machine,
  comparisons: [lost, { ...lost, case: '2 MiB pages', ours: [300, 300, 300] }],
  plots: [{ title: 'A plot', xLabel: 'x', yLabel: 'y', curves: [] }],
  notes: ['A rival is missing.'],
}

function report(...scenarios: ScenarioRecord[]): string {
  return formatReport({ scenarios }, (name, index) => `benchmarks/${name}-${index}.svg`)
}

describe('the report', () => {
  test('shows-lost-rows-with-what-was-to-be-reached', () => {
    const text = report(scan)
    expect(text).toContain(
      '| 64 KiB pages | 100 (90.00–110) | mmap \\| rival | 200 (200–200) | MB/s ' +
        '| 0.50× (0.45–0.55) | ≥ 1.00× | **lost** |',
    )
    expect(text).toMatch(/\| 2 MiB pages \|.*\| reached \|/)
    expect(text).toContain('| [scan-cold](#scan-cold) | 1 of 2 | 64 KiB pages: 0.50× against')
  })

  test('states-the-machine-the-time-and-the-notes', () => {
    const text = report(scan)
    expect(text).toContain('2026-01-02 03:04 UTC, 2 minutes, commit abc1234. 2 CPUs (Model 1)')
    expect(text).toContain('A rival is missing.')
    expect(text).toContain('![A plot](benchmarks/scan-cold-0.svg)')
    expect(text).not.toContain('--quick')
  })

  test('says-so-where-figures-are-of-other-days-tiny-or-not-there', () => {
    const later = { ...scan, name: 'sort', startedAt: '2026-01-03T00:00:00.000Z', isQuick: true }
    const text = report(scan, { ...later, comparisons: [], failure: 'no disk' })
    expect(text).toContain('commit abc1234: scan-cold. 2 CPUs')
    expect(text).toContain('commit abc1234: sort. 2 CPUs')
    expect(text).toContain('(`--quick`)')
    expect(text).toContain('It failed: no disk')
    expect(text).toContain('| [sort](#sort) | failed |')
  })

  test('newer-figures-of-a-scenario-take-the-place-of-older-ones', () => {
    const sort = { ...scan, name: 'sort' }
    const record: RunRecord = { scenarios: [scan, sort] }
    const again = { ...scan, seconds: 1 }
    expect(withScenario(record, again).scenarios).toEqual([again, sort])
    const zipf = { ...scan, name: 'zipf' }
    expect(withScenario(record, zipf).scenarios).toEqual([scan, sort, zipf])
  })

  test('plot-names-its-axes-and-curves', () => {
    const svg = drawPlot({
      title: 'Faults',
      xLabel: 'threads',
      yLabel: 'faults/s',
      xLog: 2,
      curves: [
        {
          name: 'first <one>',
          points: [
            [1, 10],
            [2, 20],
          ],
        },
      ],
    })
    expect(svg).toMatch(/^<svg /)
    for (const text of ['Faults', 'threads', 'faults/s', 'first &lt;one&gt;']) {
      expect(svg).toContain(text)
    }
  })
})

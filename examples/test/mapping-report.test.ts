// The table that ends the demo.

import { describe, expect, it } from 'vitest'
import { formatBytes, formatReports, type MappingReport } from '../dist/demo/mapping-report.js'

const latency = { count: 40, p50: 12.34, p99: 1500, max: 2500 }
const report: MappingReport = {
  title: 'sort',
  mappedBytes: 2 ** 30,
  bufferBytes: 2 ** 27,
  residentBytesMax: 2 ** 27,
  processBytesMax: 180 * 2 ** 20,
  touchCount: 1000,
  stats: {
    faultMode: 'userfaultfd',
    faults: 30,
    fills: 1234,
    fillBytes: 3 * 2 ** 20,
    evictions: 5,
    standbyHits: 2,
    writeProtectFaults: 10,
    pinnedBytes: 0,
    writeBacks: 6,
    writeBackBytes: 1536,
    residentBytes: 0,
    dirtyBytes: 0,
    readAheadBytes: 0,
    readAheadUsedBytes: 0,
    storeErrors: 0,
    faultLatencyUs: latency,
    fillLatencyUs: latency,
  },
}

describe('formatReports', () => {
  const lines = formatReports([report, { ...report, title: 'reader', touchCount: undefined }])
  const cellsOf = (name: string) =>
    lines
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length)
      .trim()
      .split(/ {2,}/)

  it('has-one-column-a-report', () => {
    expect(lines.split('\n')[0]?.trim().split(/ +/)).toEqual(['sort', 'reader'])
    expect(cellsOf('fills')).toEqual(['1,234', '1,234'])
    expect(cellsOf('fault latency p50')).toEqual(['12.3 us', '12.3 us'])
    expect(cellsOf('fault latency max')).toEqual(['2.5 ms', '2.5 ms'])
    expect(cellsOf('written back')).toEqual(['1.5 KiB', '1.5 KiB'])
  })

  it('shows-a-hit-share-only-where-touches-were-counted', () => {
    expect(cellsOf('hit share (3)')).toEqual(['97.0000 %', '-'])
  })
})

describe('formatBytes', () => {
  it('takes-the-largest-unit-that-fits', () => {
    const sizes = [0, 1023, 1024, 1536, 2 ** 20 - 1, 2 ** 30, 2 ** 42]
    expect(sizes.map(formatBytes)).toEqual([
      '0 B',
      '1023 B',
      '1 KiB',
      '1.5 KiB',
      '1024.0 KiB',
      '1 GiB',
      '4096 GiB',
    ])
  })
})

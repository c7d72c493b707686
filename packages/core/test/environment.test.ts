// The variables of LLNL UMap: names, units, and what happens to nonsense. Needs no engine.

import { describe, expect, it } from 'vitest'
import { readEnvironment } from '../src/environment.ts'
import { withDefaults } from '../src/page-buffer.ts'

describe('environment variables', () => {
  it('leave everything open where none is set', () => {
    expect(readEnvironment({})).toEqual({})
    expect(readEnvironment({ UMAP_PAGESIZE: '', UMAP_LOG_LEVEL: ' ' })).toEqual({})
  })

  it('have the names and units of LLNL UMap', () => {
    const env = {
      UMAP_PAGESIZE: '1048576',
      UMAP_BUFSIZE: '100',
      UMAP_PAGE_FILLERS: '3',
      UMAP_PAGE_EVICTORS: '2',
      UMAP_EVICT_HIGH_WATER_THRESHOLD: '95',
      UMAP_EVICT_LOW_WATER_THRESHOLD: '80',
      UMAP_MAX_FAULT_EVENTS: '16',
      UMAP_READ_AHEAD: '0',
      UMAP_LOG_LEVEL: 'warning',
      UMAP_FAULTS: 'Signal',
    }
    expect(readEnvironment(env)).toEqual({
      pageBytes: 2 ** 20,
      bufferPages: 100,
      fillers: 3,
      evictors: 2,
      highWaterPercent: 95,
      lowWaterPercent: 80,
      faultEventsMax: 16,
      readAheadPages: 0,
      logLevel: 2,
      faults: 'signal',
    })
  })

  it.each([
    ['UMAP_PAGESIZE', '64K'],
    ['UMAP_PAGESIZE', '5000'],
    ['UMAP_PAGESIZE', '0'],
    ['UMAP_BUFSIZE', '-1'],
    ['UMAP_BUFSIZE', '1'],
    ['UMAP_PAGE_FILLERS', '0'],
    ['UMAP_PAGE_FILLERS', 'many'],
    ['UMAP_PAGE_EVICTORS', '1e99'],
    ['UMAP_EVICT_HIGH_WATER_THRESHOLD', '101'],
    ['UMAP_EVICT_LOW_WATER_THRESHOLD', '12.5'],
    ['UMAP_MAX_FAULT_EVENTS', '0'],
    ['UMAP_READ_AHEAD', 'NaN'],
    ['UMAP_LOG_LEVEL', 'loud'],
    ['UMAP_FAULTS', 'uffd'],
  ])('%s=%s is an error that names both', (variable, value) => {
    const read = () => readEnvironment({ [variable]: value })
    expect(read).toThrow(RangeError)
    expect(read).toThrow(variable)
    expect(read).toThrow(value)
  })

  it('cannot cross the watermarks', () => {
    const env = { UMAP_EVICT_HIGH_WATER_THRESHOLD: '50', UMAP_EVICT_LOW_WATER_THRESHOLD: '60' }
    expect(() => readEnvironment(env)).toThrow(/UMAP_EVICT_LOW_WATER_THRESHOLD.*HIGH_WATER/)
  })
})

describe('settings of a page buffer', () => {
  it('come from the option, else from the environment', () => {
    const defaults = { pageBytes: 4096, bufferPages: 10, highWaterPercent: 80 }
    expect(withDefaults({}, defaults)).toMatchObject({ budgetBytes: 40960, highWaterPercent: 80 })
    expect(withDefaults({ bytes: 2 ** 20, highWaterPercent: 99 }, defaults)).toMatchObject({
      budgetBytes: 2 ** 20,
      highWaterPercent: 99,
    })
    expect(withDefaults({}, {}).budgetBytes).toBe(0)
  })

  it('keep the low watermark below the high one where only one was said', () => {
    for (const percent of [1, 10, 50, 69, 71, 89, 90, 91, 99]) {
      const low = withDefaults({ lowWaterPercent: percent }, {})
      expect(low.lowWaterPercent).toBe(percent)
      expect(low.highWaterPercent).toBeGreaterThan(percent)
      const high = withDefaults({ highWaterPercent: percent }, {})
      expect(high.highWaterPercent).toBe(percent)
      expect(high.lowWaterPercent).toBeLessThan(percent)
    }
  })
})

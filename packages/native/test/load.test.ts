// Loading: importing never throws, and where the addon cannot run, calling it says what to do.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { loadNative, probe } from '@umap/native'
import { describe, expect, it } from 'vitest'

/** Runs a module in a fresh process and returns what it printed, as JSON. */
function evaluate(source: string): unknown {
  const ran = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
  })
  expect(ran.status, ran.stderr).toBe(0)
  return JSON.parse(ran.stdout)
}

describe('loading', () => {
  it('gives one thread one binding', () => {
    expect(loadNative()).toBe(loadNative())
  })

  it('fails with a code and a way out where this is not Linux, and importing does not', () => {
    const outcome = evaluate(`
      Object.defineProperty(process, 'platform', { value: 'darwin' })
      const { loadNative, probe } = await import('@umap/native')
      const errors = [loadNative, probe].map((call) => {
        try { call() } catch ({ code, message }) { return { code, message } }
      })
      console.log(JSON.stringify(errors))`)
    expect(outcome).toEqual([
      { code: 'UMAP_UNSUPPORTED', message: expect.stringContaining('needs Linux') },
      { code: 'UMAP_UNSUPPORTED', message: expect.stringContaining('needs Linux') },
    ])
  })

  it('offers test points only where the environment asks for them', () => {
    expect(loadNative().setTestPoint).toBeUndefined()
    const outcome = evaluate(`
      process.env.UMAP_TEST_POINTS = '1'
      const { loadNative } = await import('@umap/native')
      const native = loadNative()
      native.setTestPoint('before-fill', 1)
      native.setTestPoint('before-fill', 0)
      console.log(JSON.stringify(typeof native.setTestPoint))`)
    expect(outcome).toBe('function')
  })
})

describe('the probe', () => {
  it('reports in the shape that its type says', () => {
    const report = probe()
    expect(['yes', 'limited', 'no']).toContain(report.paging)
    expect(report.summary).not.toBe('')
    const { auto, ways, recipes } = report.faults
    expect(ways.map((way) => way.mode)).toEqual([
      'userfaultfd',
      'userfaultfd-user-mode',
      'signal',
      'in-thread',
    ])
    for (const way of ways) {
      expect(way.reason === null && way.remedies.length === 0).toBe(way.works)
      expect(way.servesSystemCalls).toBe(way.mode === 'userfaultfd')
    }
    expect(ways.find((way) => way.works)?.mode).toBe(auto)
    expect(recipes.length === 0 || !ways[0]?.works).toBe(true)
    expect(report.needs.map((need) => need.name)).toContain('userfaultfd')
    for (const need of report.needs) {
      expect(need.remedies.length > 0).toBe(!need.met)
    }
    expect(report.userfaultfd.attempts.map((attempt) => attempt.way)).toEqual([
      'system-call',
      'device',
      'user-mode-only',
    ])
    expect(report.userfaultfd.features).toHaveProperty('move')
    expect(report.userfaultfd.checks).toHaveProperty('missingFault')
    expect(report.platform.pageBytes).toBeGreaterThanOrEqual(4096)
    expect(report.memory.memTotalBytes).toBeGreaterThan(0)
    expect(Object.keys(report.interfaces)).toEqual(['pagemapScan', 'pressureStall', 'ioUring'])
    expect(report.limits).toHaveProperty('openFilesMax')
    expect(report.permissions).toHaveProperty('capSysPtrace')
  })
})

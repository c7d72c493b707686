// What is said where a way of taking faults cannot be had, on machines that are made up.

import type { ProbeFaults, ProbeReport } from '@umap/native'
import { describe, expect, it } from 'vitest'
import { refusalOfFaults } from '../src/fault-refusal.ts'

const works = { works: true, reason: null, remedies: [] } as const
const refused = {
  works: false,
  reason: 'userfaultfd(2) fails with EPERM: a seccomp filter refuses it',
  remedies: [
    { kind: 'seccomp', remedy: 'allow userfaultfd in the seccomp filter' },
    { kind: 'device', remedy: 'pass the device into the container' },
  ],
} as const

/** A machine whose userfaultfd is refused; signals work or do not. */
function machine(auto: ProbeFaults['auto']): () => ProbeReport {
  const faults: ProbeFaults = {
    auto,
    ways: [
      { mode: 'userfaultfd', servesSystemCalls: true, ...refused },
      { mode: 'userfaultfd-user-mode', servesSystemCalls: false, ...refused },
      { mode: 'signal', servesSystemCalls: false, ...(auto === null ? refused : works) },
      { mode: 'in-thread', servesSystemCalls: false, ...refused },
    ],
    recipes: [],
  }
  return () => ({ faults }) as ProbeReport
}

const forced = (faults: 'userfaultfd' | 'signal') => ({ faults, faultsText: `faults: '${faults}'` })

describe('a way of faults that cannot be had', () => {
  it('is named with its cause, each remedy once, and what would work', () => {
    const text = refusalOfFaults(forced('userfaultfd'), 'EPERM', machine('signal'))
    expect(text).toBe(
      "faults: 'userfaultfd' fails here: userfaultfd(2) fails with EPERM: a seccomp filter refuses " +
        'it. Any one of these helps:\n' +
        '  - seccomp: allow userfaultfd in the seccomp filter\n' +
        '  - device: pass the device into the container\n' +
        "  - faults: 'auto', which takes 'signal' here",
    )
  })

  it('is named as the environment asked for it', () => {
    const request = { faults: 'in-thread', faultsText: 'UMAP_FAULTS=in-thread' } as const
    const text = refusalOfFaults(request, 'EPERM', machine('signal'))
    expect(text).toMatch(/^UMAP_FAULTS=in-thread fails here/)
  })

  it("has the engine's own words where a trial works", () => {
    const text = refusalOfFaults(forced('signal'), 'no mappings are left', machine('signal'))
    expect(text).toMatch(/^faults: 'signal' fails here: no mappings are left/)
  })

  it('says that nothing works where nothing does', () => {
    const request = { faults: 'auto', faultsText: 'UMAP_FAULTS=auto' } as const
    const text = refusalOfFaults(request, 'EPERM', machine(null))
    expect(text).toMatch(/^page faults cannot be taken: .*seccomp/)
    expect(text).not.toContain("faults: 'auto'")
    expect(refusalOfFaults(request, 'no memfd', machine('signal'))).toMatch(
      /^page faults cannot be taken: no memfd\. Any one/,
    )
  })

  it('is told even where the machine cannot be examined', () => {
    const examine = () => {
      throw new Error('no addon')
    }
    expect(refusalOfFaults(forced('userfaultfd'), 'EPERM', examine)).toBe(
      "faults: 'userfaultfd' fails here: EPERM (see `umap doctor`)",
    )
  })
})

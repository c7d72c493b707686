// The chosen policy, step by step: who is promoted, who is not, and what a scan can do to it.

import { describe, expect, test } from 'vitest'
import { simulateBelady } from '../../src/policy/belady.ts'
import { Fifo } from '../../src/policy/classic-policies.ts'
import { Access } from '../../src/policy/policy.ts'
import { hitShare, readerHitShare, simulate } from '../../src/policy/simulate.ts'
import { CHOSEN_OPTIONS, StandbyTwoQueue } from '../../src/policy/standby-two-queue.ts'
import { mixedTrace, zipfTrace } from '../../src/policy/synthetic-traces.ts'

/** 10 frames: standby 2, probation 1. */
function smallPolicy(changes = {}): StandbyTwoQueue {
  const shape = { pageCount: 1_000, frameCount: 10, standbyShare: 0.2 }
  return new StandbyTwoQueue(shape, { ...CHOSEN_OPTIONS, ...changes })
}

/** Touches `page` as the simulator does, and says what it was. */
function touch(policy: StandbyTwoQueue, page: number): number {
  const access = policy.locate(page)
  if (access === Access.soft) policy.softFault(page)
  if (access === Access.fill) policy.fill(page)
  return access
}

/** Fills pages that were never seen, from 100 on. */
function scan(policy: StandbyTwoQueue, count: number, first = 100): void {
  for (let page = first; page < first + count; page++) touch(policy, page)
}

describe('standby-two-queue', () => {
  test('a-page-touched-once-leaves-through-standby', () => {
    const policy = smallPolicy()
    scan(policy, 10)
    expect(policy.locate(100)).toBe(Access.soft)
    expect(policy.locate(102)).toBe(Access.hit)
    scan(policy, 1, 200)
    expect(policy.locate(100)).toBe(Access.fill)
    expect(policy.residentCount).toBe(10)
  })

  test('a-soft-fault-protects-from-a-scan', () => {
    const policy = smallPolicy()
    scan(policy, 10)
    expect(touch(policy, 100)).toBe(Access.soft)
    scan(policy, 500, 200)
    expect(policy.locate(100)).toBe(Access.hit)
  })

  test('a-near-refault-protects-and-a-far-one-does-not', () => {
    const policy = smallPolicy()
    scan(policy, 11)
    expect(touch(policy, 100)).toBe(Access.fill)
    scan(policy, 500, 200)
    expect(policy.locate(100)).toBe(Access.hit)
    expect(touch(policy, 101)).toBe(Access.fill)
    scan(policy, 20, 800)
    expect(policy.locate(101)).toBe(Access.fill)
  })

  test('parked-read-ahead-is-referenced-on-second-use-only', () => {
    const policy = smallPolicy({ readAheadTo: 'standby' })
    scan(policy, 10)
    policy.readAhead(500)
    expect(policy.locate(500)).toBe(Access.soft)
    touch(policy, 500)
    scan(policy, 20, 200)
    expect(policy.locate(500)).toBe(Access.fill)
  })

  test('mapped-read-ahead-hits-and-is-referenced-on-second-fault-only', () => {
    const policy = smallPolicy()
    scan(policy, 10)
    policy.readAhead(500)
    expect(policy.locate(500)).toBe(Access.hit)
    // Nothing is protected yet, so probation has all eight mapped frames.
    scan(policy, 9, 200)
    expect(touch(policy, 500)).toBe(Access.soft)
    scan(policy, 20, 300)
    expect(policy.locate(500)).toBe(Access.fill)
  })

  test.each(['standby', 'probation'])('read-ahead-to-%s-leaves-no-ghost', (readAheadTo) => {
    const policy = smallPolicy({ readAheadTo })
    scan(policy, 10)
    policy.readAhead(500)
    scan(policy, 11, 200)
    expect(policy.locate(500)).toBe(Access.fill)
    touch(policy, 500)
    scan(policy, 20, 300)
    expect(policy.locate(500)).toBe(Access.fill)
  })

  test('works-with-one-frame', () => {
    const shape = { pageCount: 9, frameCount: 1, standbyShare: 0.1 }
    const policy = new StandbyTwoQueue(shape, CHOSEN_OPTIONS)
    for (const page of [0, 1, 0, 2, 2, 1]) touch(policy, page)
    expect(policy.locate(1)).toBe(Access.hit)
    expect(policy.residentCount).toBe(1)
  })

  test('zipf-reaches-its-share-of-the-optimum', () => {
    const trace = zipfTrace({ pageCount: 8_192, accessCount: 200_000, seed: 5 }, 0.99)
    const shape = { pageCount: 8_192, frameCount: 819, standbyShare: 0.1 }
    const score = simulate(trace, new StandbyTwoQueue(shape, CHOSEN_OPTIONS), 819, 'faults')
    expect(hitShare(score) / hitShare(simulateBelady(trace, 819))).toBeGreaterThan(0.86)
  })

  test('readers-are-protected-from-a-scanner', () => {
    const size = { pageCount: 8_192, accessCount: 200_000, seed: 5 }
    const shape = { pageCount: 8_192, frameCount: 819, standbyShare: 0.1 }
    const alone = zipfTrace(size, 0.99)
    const mixed = mixedTrace(size, 2)
    const policy = () => new StandbyTwoQueue(shape, CHOSEN_OPTIONS)
    const undisturbed = hitShare(simulate(alone, policy(), 819, 'faults'))
    const protectedShare = readerHitShare(simulate(mixed, policy(), 819, 'faults'))
    const fifoShare = readerHitShare(simulate(mixed, new Fifo(shape), 819, 'faults'))
    expect(protectedShare).toBeGreaterThan(0.9 * undisturbed)
    expect(fifoShare).toBeLessThan(protectedShare - 0.05)
  })
})

// When a dead server is started again.

import { describe, expect, it } from 'vitest'
import { RestartPolicy } from '../dist/supervisor/restart-policy.js'

const options = { deathsMax: 5, firstDelayMs: 100, delayMsMax: 500 }

describe('the restart policy', () => {
  it('starts at once what had served, however often it dies', () => {
    const policy = new RestartPolicy(options)
    for (let death = 0; death < 1000; death++) expect(policy.delayAfterDeath(true)).toBe(0)
  })

  it('waits longer and longer for what had not, and gives up', () => {
    const policy = new RestartPolicy(options)
    const delays = Array.from({ length: 5 }, () => policy.delayAfterDeath(false))
    expect(delays).toEqual([100, 200, 400, 500, undefined])
    expect(policy.deaths).toBe(5)
  })

  it('begins anew with one that has served', () => {
    const policy = new RestartPolicy(options)
    policy.delayAfterDeath(false)
    policy.delayAfterDeath(false)
    expect(policy.delayAfterDeath(true)).toBe(0)
    expect(policy.delayAfterDeath(false)).toBe(100)
  })
})

// A store that hangs is named, and whoever set a deadline goes on.

import { expect, it } from 'vitest'
import { reports, tell } from './stores/told-store.mjs'
import { openTold, pageBytes, until } from './told-region.ts'

it.each(['worker', 'process'] as const)(
  'a store that hangs in a %s is named with range and age, and prefault keeps its deadline',
  async (host) => {
    const { region, options } = await openTold(host)
    const stalls: { message: string }[] = []
    region.on('stall', (event) => stalls.push(event))
    tell(options, 'hang')
    const range = { offset: 8 * pageBytes, byteLength: pageBytes }
    const filled = region.prefault(range, { signal: AbortSignal.timeout(50) })
    await expect(filled).rejects.toMatchObject({ name: 'TimeoutError' })
    await until(() => reports(options).at(-1)?.hangs === true)
    await until(() => stalls.length > 0)
    expect(stalls[0]).toMatchObject({ offset: 8 * pageBytes, byteLength: pageBytes })
    expect(stalls[0]?.message).toContain(`store ${options.path} has not answered`)
    expect(stalls[0]?.message).toMatch(/a read of 4096 bytes at offset 32768 for \d+ s/)
    tell(options, 'go on')
    await region.prefault(range)
    await region.close()
  },
  20_000,
)

// In which way the regions of these tests take faults. The same tests run in each way that the
// machine has (see vitest.config.ts); what cannot hold in one of them is skipped there.

import { type FaultMode, probe } from '@umap/native'
import type { TestContext } from 'vitest'

/** What umap() gives here where a test does not choose: UMAP_FAULTS, or the machine's best. */
export const faultMode: FaultMode | null = (() => {
  const { auto, ways } = probe().faults
  switch (process.env.UMAP_FAULTS) {
    case 'userfaultfd':
      return ways.find(({ mode, works }) => works && mode.startsWith('userfaultfd'))?.mode ?? null
    case 'signal':
    case 'in-thread':
      return process.env.UMAP_FAULTS
    default:
      return auto
  }
})()

/** Whether a system call fills absent pages; else it fails with EFAULT. */
export const servesSystemCalls = faultMode === 'userfaultfd'

/** Skips a test that asks for `mode` where that cannot be had. */
export function requireMode(context: TestContext, mode: FaultMode): void {
  const way = probe().faults.ways.find((each) => each.mode === mode)
  context.skip(way?.works !== true, `${mode} cannot be had here: ${way?.reason}`)
}

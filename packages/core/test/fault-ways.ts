// In which way the regions of these tests take faults. The same tests run in each way that the
// machine has (see vitest.config.ts); what cannot hold in one of them is skipped there.

import { type FaultMode, probe } from '@umap/native'

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

/** Without the line that says so, once a process, where system calls are not served. */
export function withoutWarning(stderr: string): string {
  return servesSystemCalls ? stderr : stderr.replace(/^umap: faults arrive by .*\n/m, '')
}

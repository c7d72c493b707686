// Asks the addon what this machine can do. Any thread.

import { loadNative } from './load.ts'
import type { ProbeReport } from './probe-report.ts'

/**
 * Tries what paging needs: every way in which faults can arrive, ways to a userfaultfd, kernel
 * features; and reads limits and permissions. Takes some milliseconds, forks a short-lived process
 * for what needs signal handlers, and leaves nothing behind.
 *
 * @throws Error with `code` 'UMAP_UNSUPPORTED' where the addon cannot be loaded
 */
export function probe(): ProbeReport {
  return JSON.parse(loadNative().probe())
}

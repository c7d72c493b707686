// Asks the engine what this machine can do, and answers in the same shape where there is no
// engine to ask: another platform, or a package whose native part was not built.

import { constants } from 'node:buffer'
import { type ProbeReport, probe } from '@umap/core'

/** What only the engine can find out; null without it. */
type EngineFindings = Omit<ProbeReport, 'paging' | 'summary' | 'needs'>

/** Everything that `umap doctor` knows. */
export type MachineReport = Pick<ProbeReport, 'paging' | 'summary' | 'needs'> & {
  readonly [Part in keyof EngineFindings]: EngineFindings[Part] | null
} & {
  /** The Node.js that runs this. */
  readonly runtime: {
    readonly nodeVersion: string
    /** `process.platform` and `process.arch`, which are there without an engine too. */
    readonly platform: string
    readonly architecture: string
    /** The longest `ArrayBuffer` of this Node, and so the longest view of a region. */
    readonly viewBytesMax: number
    /** UMAP_FAULTS: what regions take that do not say; null where it is not set. */
    readonly faultsVariable: string | null
  }
}

/** Examines this machine. Never throws for what the machine is or lacks. */
export function examineMachine(env: Readonly<Record<string, string | undefined>>): MachineReport {
  const runtime = {
    nodeVersion: process.version,
    platform: process.platform,
    architecture: process.arch,
    viewBytesMax: constants.MAX_LENGTH,
    faultsVariable: env.UMAP_FAULTS?.trim() || null,
  }
  try {
    return { ...probe(), runtime }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return {
      paging: 'no',
      summary: `no: ${reason}`,
      faults: null,
      needs: [],
      userfaultfd: null,
      permissions: null,
      platform: null,
      memory: null,
      limits: null,
      interfaces: null,
      runtime,
    }
  }
}

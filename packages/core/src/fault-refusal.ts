// What `umap()` says where the way of taking faults that was asked for cannot be had: why, what
// helps, and what `auto` takes. Asks the machine, which takes some milliseconds. Any thread.

import {
  type FaultChoice,
  type FaultMode,
  type ProbeFaults,
  type ProbeReport,
  probe,
} from '@umap/native'

/** A choice of faults, and the words in which it was made. */
export interface FaultRequest {
  readonly faults: FaultChoice
  /** The option or the environment variable, with its value. */
  readonly faultsText: string
  /** There is no other way to be chosen. */
  readonly isOnlyWay?: boolean
}

/** What a choice may become; 'userfaultfd' is had in user mode where that alone is allowed. */
const modesOf: Readonly<Record<FaultChoice, readonly FaultMode[]>> = {
  auto: ['userfaultfd', 'userfaultfd-user-mode', 'signal'],
  userfaultfd: ['userfaultfd', 'userfaultfd-user-mode'],
  signal: ['signal'],
  'in-thread': ['in-thread'],
}

/**
 * The message for `request`, which the engine refused with the words `refusal`.
 *
 * Throws nothing: the message must come, whatever is wrong with the machine.
 */
export function refusalOfFaults(
  { faults, faultsText, isOnlyWay = false }: FaultRequest,
  refusal: string,
  examine: () => ProbeReport = probe,
): string {
  const found = findingsOf(examine)
  // A way that works in a trial and not in the engine: then the engine's own words are better.
  const ways = found.ways.filter(({ mode, works }) => !works && modesOf[faults].includes(mode))
  const reasons = distinct(ways.map(({ reason }) => reason ?? ''))
  const remedies = distinct(
    ways.flatMap((way) => way.remedies.map(({ kind, remedy }) => `${kind}: ${remedy}`)),
  )
  if (faults !== 'auto' && found.auto !== null && !isOnlyWay) {
    remedies.push(`faults: 'auto', which takes '${found.auto}' here`)
  }
  const isExplained = reasons.length > 0 && (faults !== 'auto' || found.auto === null)
  const asked = faults === 'auto' ? 'page faults cannot be taken' : `${faultsText} fails here`
  const list = remedies.map((text) => `\n  - ${text}`).join('')
  const help = list === '' ? ' (see `umap doctor`)' : `. Any one of these helps:${list}`
  return `${asked}: ${isExplained ? reasons.join('; ') : refusal}${help}`
}

function findingsOf(examine: () => ProbeReport): Pick<ProbeFaults, 'auto' | 'ways'> {
  try {
    return examine().faults
  } catch {
    return { auto: null, ways: [] }
  }
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text !== '')
}

// Lays a machine report out for a person: the verdict, the findings, the remedies. Pure; says
// nothing that the report does not hold.

import { styleText } from 'node:util'
import {
  describeFaults,
  describeMachine,
  describeNeeds,
  describeWays,
  type Row,
} from './findings.ts'
import type { MachineReport } from './machine.ts'

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'
type Paint = (style: Style, text: string) => string

const verdictStyles = { yes: 'green', limited: 'yellow', no: 'red' } as const
const rowStyles = { good: 'green', poor: 'yellow', bad: 'red' } as const

/** The report as lines of text, each ending with a line break. */
export function formatReport(report: MachineReport, { colors }: { colors: boolean }): string {
  // Whoever calls decides about colors, not the stream that styleText would look at.
  const paint: Paint = colors
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text
  const faults = describeFaults(report)
  const paging = [...describeNeeds(report), ...describeWays(report)]
  const machine = describeMachine(report)
  const width = Math.max(...[...faults, ...paging, ...machine].map(({ label }) => label.length))
  const sections = [
    paint(verdictStyles[report.paging], report.summary),
    formatRows(faults, width, paint),
    formatRows(paging, width, paint),
    formatRows(machine, width, paint),
    ...formatRemedies(report, paint),
    formatRecipes(report, paint),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function formatRows(rows: readonly Row[], width: number, paint: Paint): string {
  return rows
    .map(({ label, text, grade }) => {
      const shown = grade === undefined ? text : paint(rowStyles[grade], text)
      return `  ${label.padEnd(width)}  ${shown}`
    })
    .join('\n')
}

const placeNames = {
  machine: 'machine',
  docker: 'Docker',
  podman: 'Podman',
  kubernetes: 'Kubernetes',
} as const

function formatRecipes({ faults }: MachineReport, paint: Paint): string {
  if (faults === null || faults.recipes.length === 0) return ''
  const lines = faults.recipes.map(
    ({ place, recipe }) => `  ${paint('bold', placeNames[place])}: ${recipe}`,
  )
  return ['The same as one line for the place where this runs:', ...lines].join('\n')
}

// Needs with the same way out share a paragraph, so that nothing is said twice.
function formatRemedies(report: MachineReport, paint: Paint): string[] {
  const paragraphs = new Map<string, string[]>()
  for (const { met, title, remedies } of report.needs) {
    if (met || remedies.length === 0) continue
    const lines = remedies.map(({ kind, remedy }) => `  ${paint('bold', kind)}: ${remedy}`)
    const text = lines.join('\n')
    paragraphs.set(text, [...(paragraphs.get(text) ?? []), title])
  }
  return [...paragraphs].map(([text, titles]) => {
    const choice = text.includes('\n') ? ', any one of these helps' : ''
    return `To get ${titles.join(', and ')}${choice}:\n${text}`
  })
}

// The text of docs/benchmarks.md, from the record of a run. Pure.
import { machineText } from '../machine.ts'
import type { RunRecord, ScenarioRecord } from '../record.ts'
import {
  type Comparison,
  formatFigures,
  formatRatio,
  formatReach,
  isReached,
  toRow,
} from '../row.ts'

const head = `# Benchmarks

Written by \`npm run bench -- --report\`; do not edit. Ratios say how many times better ours is: more
than 1 is better than the rival, for times too. Rows that are lost are shown like the others.

- Ours and its rivals run in turns, A B A B …, each run in a process of its own. Figures are medians,
  with the least and the largest of the runs; behind a ratio are those of the pairs.
- Each touch is compared with what the data hold there; a wrong byte fails the run.
- For cold cases the file is taken out of the page cache before each run. Rivals whose memory the
  kernel manages run in a memory cgroup of the buffer's size and what the program itself needs; our
  buffer never holds more than its budget, which is checked.
- C++ rows link the engine without Node; what begins with *From JavaScript* is what a user gets.
- *To reach* is what the project has set itself for the row, where it has. Other rows inform.
`

const quickWarning =
  '**These figures are from tiny sizes (`--quick`): they show that the benchmark runs, nothing else.**'

/** The report; `plotPathOf` gives the path of a plot's file from the report. */
export function formatReport(
  record: RunRecord,
  plotPathOf: (scenario: string, index: number) => string,
): string {
  const parts = [head]
  if (record.scenarios.some(({ isQuick }) => isQuick)) parts.push(quickWarning)
  parts.push(formatRuns(record), formatSummary(record))
  for (const scenario of record.scenarios) parts.push(formatScenario(scenario, plotPathOf))
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`
}

/** When and where: scenarios with one description of the machine are one run. */
function formatRuns({ scenarios }: RunRecord): string {
  const runs = new Map<string, ScenarioRecord[]>()
  for (const scenario of scenarios) {
    const key = JSON.stringify([scenario.machine, scenario.startedAt.slice(0, 10)])
    runs.set(key, [...(runs.get(key) ?? []), scenario])
  }
  return ['## The machine', ...[...runs.values()].map((run) => formatRun(run, runs.size))].join(
    '\n\n',
  )
}

function formatRun(run: readonly ScenarioRecord[], runCount: number): string {
  const [first] = run
  if (first === undefined) return ''
  const minutes = run.reduce((sum, { seconds }) => sum + seconds, 0) / 60
  const { commit } = first.machine
  const what = runCount === 1 ? '' : `: ${run.map(({ name }) => name).join(', ')}`
  return (
    `${first.startedAt.slice(0, 16).replace('T', ' ')} UTC, ${minutes.toFixed(0)} minutes` +
    `${commit === '' ? '' : `, commit ${commit}`}${what}. ${machineText(first.machine)}.`
  )
}

function formatSummary({ scenarios }: RunRecord): string {
  const rows = scenarios.map(({ name, comparisons, failure }) => {
    const judged = comparisons.filter((one) => isReached(one) !== undefined)
    const lost = judged.filter((one) => isReached(one) === false)
    if (failure !== undefined) return [`[${name}](#${name})`, 'failed', '']
    const share = judged.length === 0 ? '–' : `${judged.length - lost.length} of ${judged.length}`
    return [`[${name}](#${name})`, share, lost.map(lostText).join('; ')]
  })
  return ['## Summary', table(['scenario', 'reached', 'lost'], 'lll', rows)].join('\n\n')
}

function lostText(comparison: Comparison): string {
  const { ours, ratio } = toRow(comparison)
  const { reach } = comparison
  const isRatio = reach === undefined || 'ratioMin' in reach
  const got = isRatio ? `${ratio.toFixed(2)}×` : `${ours.toFixed(1)} ${comparison.unit}`
  const against = isRatio ? ` against ${comparison.peerName}` : ''
  return `${comparison.case}: ${got}${against}, ${formatReach(comparison)}`
}

function formatScenario(
  { name, work, comparisons, plots, notes, failure }: ScenarioRecord,
  plotPathOf: (scenario: string, index: number) => string,
): string {
  const parts = [`## ${name}`, work]
  if (failure !== undefined) return [...parts, `It failed: ${failure}`].join('\n\n')
  parts.push(
    table(
      ['case', 'ours', 'rival', '', 'unit', 'ratio', 'to reach', ''],
      'lrlrlrrl',
      comparisons.map((one) => [
        one.case,
        formatFigures(one.ours),
        one.peerName,
        formatFigures(one.peer),
        one.unit,
        formatRatio(one),
        formatReach(one),
        resultText(one),
      ]),
    ),
  )
  const runs = comparisons[0]?.ours.length ?? 0
  parts.push(`${runs} ${runs === 1 ? 'run' : 'runs'} of each.`, ...notes)
  for (const [index, plot] of plots.entries()) {
    parts.push(`![${plot.title}](${plotPathOf(name, index)})`)
  }
  return parts.join('\n\n')
}

function resultText(comparison: Comparison): string {
  const result = isReached(comparison)
  if (result === undefined) return ''
  return result ? 'reached' : '**lost**'
}

/** A table; `alignments` has a letter for each column, l or r. */
function table(
  heads: readonly string[],
  alignments: string,
  rows: readonly (readonly string[])[],
): string {
  const rule = heads.map((_, column) => (alignments[column] === 'r' ? '--:' : '---'))
  const cell = (text: string) => text.replaceAll('|', '\\|')
  return [heads, rule, ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')
}

// Writes the report: docs/benchmarks.md, and beside it the plots and the record of the run.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunRecord, writeRecord } from '../record.ts'
import { formatReport } from './format-report.ts'

const name = 'benchmarks'

/** Where the parts of the report are. */
export function reportFiles(parent: string) {
  const directory = join(parent, name)
  return {
    text: join(parent, `${name}.md`),
    /** Of the plots and the record. */
    directory,
    record: join(directory, 'record.json'),
  }
}

/** Writes all of it into `parent`. */
export async function writeReport(parent: string, record: RunRecord): Promise<void> {
  // Only a report needs the library that draws, and it is large.
  const { drawPlot } = await import('./draw-plot.ts')
  const { text, directory, record: recordFile } = reportFiles(parent)
  mkdirSync(directory, { recursive: true })
  for (const file of readdirSync(directory)) {
    if (file.endsWith('.svg')) rmSync(join(directory, file))
  }
  const plotName = (scenario: string, index: number) =>
    `${scenario}${index === 0 ? '' : `-${index + 1}`}.svg`
  for (const { name: scenario, plots } of record.scenarios) {
    for (const [index, plot] of plots.entries()) {
      writeFileSync(join(directory, plotName(scenario, index)), drawPlot(plot))
    }
  }
  writeRecord(recordFile, record)
  const pathOf = (scenario: string, index: number) => `${name}/${plotName(scenario, index)}`
  writeFileSync(text, formatReport(record, pathOf))
}

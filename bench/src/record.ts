// The record of a run: everything that a report needs, as a file. Written anew after each scenario,
// so that a run that is interrupted keeps what it has measured.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Machine } from './machine.ts'
import type { Comparison } from './row.ts'
import type { Plot } from './scenario.ts'

/** What one scenario gave. */
export interface ScenarioRecord {
  readonly name: string
  readonly work: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly seconds: number
  readonly isQuick: boolean
  readonly machine: Machine
  readonly comparisons: readonly Comparison[]
  readonly plots: readonly Plot[]
  readonly notes: readonly string[]
  /** Why there are no figures. */
  readonly failure?: string
}

/** A run, or several that add up to one. */
export interface RunRecord {
  readonly scenarios: readonly ScenarioRecord[]
}

/** Reads a record; throws where the file is none. */
export function readRecord(file: string): RunRecord {
  const record: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const isRecord =
    typeof record === 'object' &&
    record !== null &&
    'scenarios' in record &&
    Array.isArray(record.scenarios)
  if (!isRecord) throw new RangeError(`${file} is no record of a benchmark run`)
  return record as RunRecord
}

/** Writes it. */
export function writeRecord(file: string, record: RunRecord): void {
  writeFileSync(file, `${JSON.stringify(record)}\n`)
}

/** `record` with a scenario's new figures in place of older ones. */
export function withScenario(record: RunRecord, scenario: ScenarioRecord): RunRecord {
  const isOlder = ({ name }: ScenarioRecord) => name === scenario.name
  const at = record.scenarios.findIndex(isOlder)
  if (at < 0) return { scenarios: [...record.scenarios, scenario] }
  return { scenarios: record.scenarios.with(at, scenario) }
}

// `npm run bench`: runs scenarios side by side with their rivals, prints a table for each, writes the
// rows, and the report. A scenario that fails does not take the others with it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bench } from './bench.ts'
import { type Choice, parseChoice, usage } from './command-line.ts'
import { describeMachine, type Machine, machineText } from './machine.ts'
import { buildNativePrograms } from './native-program.ts'
import { runPolicyBench } from './policy/main.ts'
import {
  type RunRecord,
  readRecord,
  type ScenarioRecord,
  withScenario,
  writeRecord,
} from './record.ts'
import { reportFiles, writeReport } from './report/write-report.ts'
import { formatTable, type Row, toRow } from './row.ts'
import type { Scenario } from './scenario.ts'
import { fullSizes, quickSizes } from './sizes.ts'

const policySeed = 1
const docs = join(import.meta.dirname, '../../docs')

/** Aborts at a signal, so that no child, no file and no cgroup is left. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const [name, exitCode] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      process.exitCode = exitCode
      controller.abort(new Error(`interrupted by ${name}`))
    })
  }
  return controller.signal
}

async function runScenario(
  bench: Bench,
  scenario: Scenario,
  isQuick: boolean,
  machine: Machine,
): Promise<ScenarioRecord> {
  const startedAt = new Date().toISOString()
  const startedMs = performance.now()
  const common = { name: scenario.name, work: scenario.work, startedAt, isQuick, machine }
  const secondsNow = () => Math.round((performance.now() - startedMs) / 100) / 10
  try {
    const { comparisons, plots = [], notes = [] } = await scenario.run(bench)
    return { ...common, seconds: secondsNow(), comparisons, plots, notes }
  } catch (error) {
    bench.signal.throwIfAborted()
    const failure = messageOf(error)
    return { ...common, seconds: secondsNow(), comparisons: [], plots: [], notes: [], failure }
  }
}

function printScenario({ name, seconds, comparisons, notes, failure }: ScenarioRecord): void {
  if (failure !== undefined) {
    console.error(`umap bench: ${name} failed after ${seconds} s: ${failure}`)
    process.exitCode ||= 1
    return
  }
  const runs = comparisons[0]?.ours.length ?? 0
  console.log(`\n${name}: median of ${runs} runs each, in turns (${seconds.toFixed(0)} s)\n`)
  console.log(formatTable(comparisons))
  for (const note of notes) console.log(`note: ${note}`)
}

function rowsOf(record: RunRecord): Row[] {
  return record.scenarios.flatMap(({ comparisons }) => comparisons.map(toRow))
}

function writeRows(file: string | undefined, rows: readonly Row[]): void {
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`)
}

interface Result {
  /** Of this run. */
  readonly rows: readonly Row[]
  /** Of this run, and of the record that it adds to. */
  readonly record: RunRecord
}

async function runMeasured(choice: Choice): Promise<Result> {
  let record = choice.from === undefined ? { scenarios: [] } : readRecord(choice.from)
  if (choice.scenarios.length === 0) return { rows: rowsOf(record), record }
  const files = reportFiles(choice.out ?? docs)
  if (choice.report) mkdirSync(files.directory, { recursive: true })
  let measured: RunRecord = { scenarios: [] }
  await using bench = new Bench({
    sizes: choice.quick ? quickSizes : fullSizes,
    runs: choice.runs,
    nativeProgram: buildNativePrograms(),
    signal: abortOnSignals(),
    print: (line) => console.log(line),
  })
  const machine = describeMachine()
  console.log(machineText(machine))
  for (const scenario of choice.scenarios) {
    const one = await runScenario(bench, scenario, choice.quick, machine)
    printScenario(one)
    measured = withScenario(measured, one)
    record = withScenario(record, one)
    // What was measured so far is kept, whatever happens to the next.
    writeRows(choice.json, rowsOf(measured))
    if (choice.report) writeRecord(files.record, record)
  }
  return { rows: rowsOf(measured), record }
}

function runPolicy(choice: Choice): Row[] {
  if (!choice.hasPolicy) return []
  const percent = (choice.quick ? quickSizes : fullSizes).policyPercent
  console.log(`policy: simulated, seed ${policySeed}`)
  const print = (line: string): void => console.log(line)
  return runPolicyBench({ seed: policySeed, scale: percent / 100, print })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function parseChoiceOrExit(): Choice {
  try {
    return parseChoice(process.argv.slice(2))
  } catch (error) {
    console.error(`umap bench: ${messageOf(error)}\n${usage}`)
    process.exit(2)
  }
}

const choice = parseChoiceOrExit()
if (choice.help) {
  console.log(usage)
  process.exit(0)
}
try {
  const { rows, record } = await runMeasured(choice)
  writeRows(choice.json, [...rows, ...runPolicy(choice)])
  if (choice.report) await writeReport(choice.out ?? docs, record)
} catch (error) {
  console.error(`umap bench: ${messageOf(error)}`)
  process.exitCode ||= 1
}

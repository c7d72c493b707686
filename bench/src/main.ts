// `npm run bench -- [NAME…] [--json FILE] [--runs N] [--quick]`: runs scenarios side by side with
// their rivals, prints a table for each, and writes the rows.
import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { Bench } from './bench.ts'
import { DataFile } from './data-file.ts'
import { runFault } from './fault.ts'
import { buildNativePrograms } from './native-program.ts'
import { runPolicyBench } from './policy/main.ts'
import { runRandom } from './random.ts'
import { type Comparison, formatTable, type Row, toRow } from './row.ts'
import { runScan } from './scan.ts'
import { fullSizes, quickSizes } from './sizes.ts'

/** The scenarios that measure the machine, by name. */
const measured: Readonly<Record<string, (bench: Bench) => Promise<Comparison[]>>> = {
  fault: runFault,
  random: runRandom,
  scan: runScan,
}

const usage = `usage: npm run bench -- [NAME…] [--json FILE] [--runs N] [--quick]
  NAME         ${Object.keys(measured).join(', ')}, policy (default: the first three)
  --json FILE  write the rows: scenario, case, ours, peer, peerName, unit, ratio, runs
  --runs N     runs of each contender, in turns (default 5, with --quick 2)
  --quick      tiny sizes, to see that it works: the figures mean little`

const policySeed = 1

interface Choice {
  readonly names: readonly string[]
  readonly json: string | undefined
  readonly runs: number
  readonly quick: boolean
}

function parseChoice(args: string[]): Choice {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  for (const name of positionals) {
    if (name !== 'policy' && !Object.hasOwn(measured, name)) {
      throw new RangeError(`no scenario is named ${name}`)
    }
  }
  const runs = values.runs ?? (values.quick ? '2' : '5')
  if (!/^[1-9]\d{0,3}$/.test(runs)) throw new RangeError(`--runs is a number, not ${runs}`)
  const names = positionals.length > 0 ? [...new Set(positionals)] : Object.keys(measured)
  return { names, json: values.json, runs: Number(runs), quick: values.quick }
}

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

async function runMeasured(choice: Choice, signal: AbortSignal): Promise<Row[]> {
  const names = choice.names.filter((name) => Object.hasOwn(measured, name))
  if (names.length === 0) return []
  const sizes = choice.quick ? quickSizes : fullSizes
  const nativeProgram = buildNativePrograms()
  const [cpu] = cpus()
  console.log(`${cpus().length} CPUs (${cpu?.model.trim()}), Linux ${release()}`)
  using dataFile = await DataFile.make(sizes.fileBytes, nativeProgram, signal)
  const print = (line: string): void => console.log(line)
  const bench = new Bench({ sizes, runs: choice.runs, dataFile, nativeProgram, signal, print })
  const rows: Row[] = []
  for (const name of names) {
    const startedMs = performance.now()
    const comparisons = (await measured[name]?.(bench)) ?? []
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
    console.log(`\n${name}: median of ${choice.runs} runs each, in turns (${seconds} s)\n`)
    console.log(formatTable(comparisons))
    rows.push(...comparisons.map(toRow))
  }
  return rows
}

function runPolicy(choice: Choice): Row[] {
  if (!choice.names.includes('policy')) return []
  const scale = (choice.quick ? quickSizes : fullSizes).policyScale
  console.log(`policy: simulated, seed ${policySeed}`)
  return runPolicyBench({ seed: policySeed, scale, print: (line) => console.log(line) })
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
try {
  const rows = [...(await runMeasured(choice, abortOnSignals())), ...runPolicy(choice)]
  if (choice.json !== undefined) writeFileSync(choice.json, `${JSON.stringify(rows, null, 2)}\n`)
} catch (error) {
  console.error(`umap bench: ${messageOf(error)}`)
  process.exitCode ||= 1
}

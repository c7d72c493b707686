// The command line of the benchmark.
import { parseArgs } from 'node:util'
import { defaultScenarios, scenarios } from './catalogue.ts'
import type { Scenario } from './scenario.ts'

const fill = (names: readonly string[]): string => {
  const lines = ['']
  for (const name of names) {
    const line = lines.at(-1) ?? ''
    if (line.length + name.length > 70) lines.push(name)
    else lines[lines.length - 1] = line === '' ? name : `${line}, ${name}`
  }
  return lines.join(',\n               ')
}

/** What the command takes. */
export const usage = `usage: npm run bench -- [NAME…] [--json FILE] [--runs N] [--quick] [--report]
       npm run bench -- --report RECORD.json
  NAME         ${fill(defaultScenarios.map(({ name }) => name))}
               (default: all of these); and random-warm, policy
  --json FILE  write the rows: scenario, case, ours, peer, peerName, unit, ratio, runs
  --runs N     runs of each contender, in turns (default 5, with --quick 2)
  --quick      tiny sizes, to see that it works: the figures mean little
  --report     write docs/benchmarks.md, its plots, and the run's record beside them, from which
               the report can be written again; with names and a record, the run's figures take
               the place of those in the record
  --out DIR    write the report there instead of docs`

/** What was asked for. */
export interface Choice {
  readonly scenarios: readonly Scenario[]
  readonly hasPolicy: boolean
  readonly json: string | undefined
  readonly runs: number
  readonly quick: boolean
  readonly report: boolean
  /** A record to report, or to add to. */
  readonly from: string | undefined
  readonly out: string | undefined
  readonly help: boolean
}

/** Parses it; throws a `RangeError` or a `TypeError` for what makes no sense. */
export function parseChoice(args: string[]): Choice {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const runs = values.runs ?? (values.quick ? '2' : '5')
  if (!/^[1-9]\d{0,3}$/.test(runs)) throw new RangeError(`--runs is a number, not ${runs}`)
  const isRecord = (text: string) => values.report && text.endsWith('.json')
  const [from, ...more] = positionals.filter(isRecord)
  if (more.length > 0) throw new RangeError('--report takes one record')
  const names = new Set(positionals.filter((text) => !isRecord(text)))
  const isDefault = names.size === 0 && from === undefined
  return {
    scenarios: isDefault ? defaultScenarios : findScenarios(names),
    hasPolicy: names.has('policy'),
    json: values.json,
    runs: Number(runs),
    quick: values.quick,
    report: values.report,
    from,
    out: values.out,
    help: values.help,
  }
}

function findScenarios(names: ReadonlySet<string>): Scenario[] {
  return [...names]
    .filter((name) => name !== 'policy')
    .map((name) => {
      const scenario = scenarios.find((one) => one.name === name)
      if (scenario === undefined) throw new RangeError(`no scenario is named ${name}`)
      return scenario
    })
}

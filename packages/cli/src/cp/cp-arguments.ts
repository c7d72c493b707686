// Reads the arguments of `umap cp`. Pure, save that it does not look at FROM and TO yet.

import { parseArgs } from 'node:util'
import { explainFailure, readCount } from '../argument-values.ts'
import { UsageError } from '../usage-error.ts'
import type { VerifyMode } from './copy.ts'

/** What a `umap cp` command line asks for. */
export interface CpRequest {
  readonly command: 'cp'
  readonly from: string
  readonly to: string
  readonly create: boolean | undefined
  readonly force: boolean
  readonly verify: VerifyMode
  readonly concurrency: number
  readonly flushBytes: number
  readonly journal: string | undefined
  readonly json: boolean
  readonly quiet: boolean
}

const options = {
  concurrency: { type: 'string' },
  create: { type: 'boolean' },
  'flush-bytes': { type: 'string' },
  force: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  journal: { type: 'string' },
  json: { type: 'boolean' },
  'no-create': { type: 'boolean' },
  quiet: { type: 'boolean', short: 'q' },
  verify: { type: 'string' },
} as const

const flushBytesDefault = 256 * 2 ** 20

/** @throws UsageError that names the argument */
export function readCpArguments(args: string[]): CpRequest | { command: 'help'; of: 'cp' } {
  const { values, positionals } = explainFailure(() =>
    parseArgs({ args, options, allowPositionals: true }),
  )
  if (values.help) return { command: 'help', of: 'cp' }
  const [from, to, ...rest] = positionals
  if (from === undefined) throw new UsageError('cp needs FROM and TO')
  if (to === undefined) throw new UsageError('cp needs TO')
  if (rest[0] !== undefined) throw new UsageError(`cp takes FROM and TO, not '${rest[0]}' as well`)
  if (values.create && values['no-create']) {
    throw new UsageError("options '--create' and '--no-create' contradict each other")
  }
  if (values.journal === '') throw new UsageError("option '--journal' needs the path of a file")
  return {
    command: 'cp',
    from,
    to,
    create: values['no-create'] ? false : values.create,
    force: values.force ?? false,
    verify: readVerifyMode(values.verify),
    concurrency: readCount('--concurrency', values.concurrency) ?? Number.POSITIVE_INFINITY,
    flushBytes: readCount('--flush-bytes', values['flush-bytes']) ?? flushBytesDefault,
    journal: values.journal,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
  }
}

function readVerifyMode(value: string | undefined): VerifyMode {
  if (value === undefined) return 'to'
  if (value === 'none' || value === 'to' || value === 'both') return value
  throw new UsageError(`option '--verify' must be none, to or both, not '${value}'`)
}

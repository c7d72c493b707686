// Reads the arguments of `umap stat`. Pure.

import { parseArgs } from 'node:util'
import { explainFailure } from '../argument-values.ts'
import { UsageError } from '../usage-error.ts'

/** What a `umap stat` command line asks for. */
export interface StatRequest {
  readonly command: 'stat'
  /** Path of the server's socket. */
  readonly socket: string
  readonly json: boolean
  /** Again and again, until it is interrupted. */
  readonly watch: boolean
  /** Between two snapshots, in seconds. */
  readonly intervalSeconds: number
}

const options = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  watch: { type: 'boolean', short: 'w' },
  interval: { type: 'string' },
} as const

const intervalSecondsDefault = 1
const intervalSecondsMax = 3600

/** @throws UsageError that names the argument */
export function readStatArguments(args: string[]): StatRequest | { command: 'help'; of: 'stat' } {
  const { values, positionals } = explainFailure(() =>
    parseArgs({ args, options, allowPositionals: true }),
  )
  if (values.help) return { command: 'help', of: 'stat' }
  const [socket, ...rest] = positionals
  if (socket === undefined || socket === '') throw new UsageError('stat needs SOCKET')
  if (rest[0] !== undefined) throw new UsageError(`stat takes one SOCKET, not '${rest[0]}' too`)
  return {
    command: 'stat',
    socket,
    json: values.json ?? false,
    watch: values.watch ?? false,
    intervalSeconds: readInterval(values.interval),
  }
}

function readInterval(text: string | undefined): number {
  if (text === undefined) return intervalSecondsDefault
  const seconds = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && seconds >= 0.1 && seconds <= intervalSecondsMax) return seconds
  throw new UsageError(
    `option '--interval' must be seconds from 0.1 to ${intervalSecondsMax}, not '${text}'`,
  )
}

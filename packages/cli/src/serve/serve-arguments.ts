// Reads the arguments of `umap serve`. Pure.

import { parseArgs } from 'node:util'
import { explainFailure } from '../argument-values.ts'
import { UsageError } from '../usage-error.ts'

/** What a `umap serve` command line asks for. */
export interface ServeRequest {
  readonly command: 'serve'
  /** Path of the configuration. */
  readonly file: string
}

const options = { help: { type: 'boolean', short: 'h' } } as const

/** @throws UsageError that names the argument */
export function readServeArguments(
  args: string[],
): ServeRequest | { command: 'help'; of: 'serve' } {
  const { values, positionals } = explainFailure(() =>
    parseArgs({ args, options, allowPositionals: true }),
  )
  if (values.help) return { command: 'help', of: 'serve' }
  const [file, ...rest] = positionals
  if (file === undefined || file === '') throw new UsageError('serve needs CONFIG')
  if (rest[0] !== undefined) throw new UsageError(`serve takes one CONFIG, not '${rest[0]}' too`)
  return { command: 'serve', file }
}

// Reads the arguments of `umap new-store`. Pure.

import { parseArgs } from 'node:util'
import { explainFailure } from '../argument-values.ts'
import { UsageError } from '../usage-error.ts'

/** What a `umap new-store` command line asks for. */
export interface NewStoreRequest {
  readonly command: 'new-store'
  readonly name: string
  readonly language: 'typescript' | 'javascript'
}

const options = {
  help: { type: 'boolean', short: 'h' },
  js: { type: 'boolean' },
} as const

/** @throws UsageError that names the argument */
export function readNewStoreArguments(
  args: string[],
): NewStoreRequest | { command: 'help'; of: 'new-store' } {
  const { values, positionals } = explainFailure(() =>
    parseArgs({ args, options, allowPositionals: true }),
  )
  if (values.help) return { command: 'help', of: 'new-store' }
  const [name, ...rest] = positionals
  if (name === undefined) throw new UsageError('new-store needs NAME')
  if (rest[0] !== undefined) throw new UsageError(`new-store takes one NAME, not '${rest[0]}' too`)
  checkName(name)
  return { command: 'new-store', name, language: values.js ? 'javascript' : 'typescript' }
}

// What is a package's name, a directory's and, with hyphens taken out, an identifier at once.
function checkName(name: string): void {
  if (!/^[a-z][a-z\d]*(-[a-z\d]+)*$/.test(name) || name.length > 100) {
    throw new UsageError(
      `NAME must be lower case letters, digits and single hyphens, a letter first, not '${name}'`,
    )
  }
  if (name === 'store' || name === 'node-modules') {
    throw new UsageError(`NAME must say which store it is, not '${name}'`)
  }
}

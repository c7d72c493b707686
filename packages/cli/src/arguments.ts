// Reads the command line: which command, which options, and what is wrong with it. Pure.

import { parseArgs } from 'node:util'
import { explainFailure } from './argument-values.ts'
import { type CpRequest, readCpArguments } from './cp/cp-arguments.ts'
import { type NewStoreRequest, readNewStoreArguments } from './new-store/new-store-arguments.ts'
import { readServeArguments, type ServeRequest } from './serve/serve-arguments.ts'
import { readStatArguments, type StatRequest } from './stat/stat-arguments.ts'
import type { usage } from './usage.ts'
import { UsageError } from './usage-error.ts'

/** What the command line asks for. */
export type Request =
  | { readonly command: 'help'; readonly of: keyof typeof usage }
  | { readonly command: 'version' }
  | { readonly command: 'doctor'; readonly json: boolean }
  | CpRequest
  | NewStoreRequest
  | ServeRequest
  | StatRequest

const globalOptions = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const doctorOptions = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
} as const

/**
 * @param args what follows the program's name
 * @throws UsageError that names the argument
 */
export function readArguments(args: readonly string[]): Request {
  const commandIndex = args.findIndex((argument) => !argument.startsWith('-'))
  const before = commandIndex < 0 ? args : args.slice(0, commandIndex)
  const values = explainFailure(
    () => parseArgs({ args: [...before], options: globalOptions }).values,
  )
  if (values.help) return { command: 'help', of: 'umap' }
  if (values.version) return { command: 'version' }

  if (commandIndex < 0) throw new UsageError('no command is given')
  const rest = args.slice(commandIndex + 1)
  switch (args[commandIndex]) {
    case 'cp':
      return readCpArguments(rest)
    case 'doctor':
      return readDoctorArguments(rest)
    case 'new-store':
      return readNewStoreArguments(rest)
    case 'serve':
      return readServeArguments(rest)
    case 'stat':
      return readStatArguments(rest)
    default:
      throw new UsageError(`unknown command '${args[commandIndex]}'`)
  }
}

function readDoctorArguments(args: string[]): Request {
  const { values, positionals } = explainFailure(() =>
    parseArgs({ args, options: doctorOptions, allowPositionals: true }),
  )
  if (values.help) return { command: 'help', of: 'doctor' }
  if (positionals.length > 0) {
    throw new UsageError(`doctor takes no argument, but was given '${positionals[0]}'`)
  }
  return { command: 'doctor', json: values.json ?? false }
}

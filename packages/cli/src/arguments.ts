// Reads the command line: which command, which options, and what is wrong with it. Pure.

import { parseArgs } from 'node:util'

/** The command line makes no sense; the message names the argument. */
export class UsageError extends Error {}

/** What the command line asks for. */
export type Request =
  | { readonly command: 'help'; readonly of: 'umap' | 'doctor' }
  | { readonly command: 'version' }
  | { readonly command: 'doctor'; readonly json: boolean }

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
  const command = args[commandIndex]
  if (command !== 'doctor') throw new UsageError(`unknown command '${command}'`)
  return readDoctorArguments(args.slice(commandIndex + 1))
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

// Node's messages name the argument in their first sentence; advice follows that does not fit us.
function explainFailure<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const [sentence = message] = message.split('. ')
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1), { cause: error })
  }
}

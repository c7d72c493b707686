// Runs one `umap` command line against given streams and returns its exit code.

import { readFileSync } from 'node:fs'
import { type Request, readArguments } from './arguments.ts'
import { doctor } from './doctor.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'
import { usage } from './usage.ts'
import { UsageError } from './usage-error.ts'

/** Where a command writes; `process.stdout` is one. */
export interface OutputStream {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** What a command gets from its surroundings; `process` is one. */
export interface CommandContext {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Runs the `umap` command.
 *
 * @param args what follows the program's name
 * @returns the exit code, see `exitCodes`; never throws for what the user or the machine did
 */
export async function run(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  let request: Request
  try {
    request = readArguments(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    context.stderr.write(`umap: ${error.message} (see umap --help)\n`)
    return exitCodes.usage
  }

  switch (request.command) {
    case 'help':
      context.stdout.write(usage[request.of])
      return exitCodes.done
    case 'version':
      context.stdout.write(`${readVersion()}\n`)
      return exitCodes.done
    case 'doctor':
      return doctor(request, context)
    // Loaded when needed, so that the other commands start without them.
    case 'cp':
      return (await import('./cp/cp.ts')).cp(request, context)
    case 'new-store':
      return (await import('./new-store/new-store.ts')).newStore(request, context)
    case 'serve':
      return (await import('./serve/serve.ts')).serve(request, context)
    case 'stat':
      return (await import('./stat/stat.ts')).stat(request, context)
  }
}

function readVersion(): string {
  // From src/ as well as from dist/.
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

// `umap doctor`: examines the machine and prints what it found, for a person or as JSON.

import { type ExitCode, exitCodes } from './exit-codes.ts'
import { examineMachine } from './machine.ts'
import { formatReport } from './report-text.ts'
import type { CommandContext } from './run.ts'

/**
 * Writes the report to standard output.
 *
 * @returns `done` when some way of taking faults works here, `failed` when none does
 */
export function doctor(options: { readonly json: boolean }, context: CommandContext): ExitCode {
  const report = examineMachine(context.env)
  if (options.json) {
    context.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  } else {
    context.stdout.write(formatReport(report, { colors: wantsColors(context) }))
  }
  return report.paging === 'no' ? exitCodes.failed : exitCodes.done
}

// An empty NO_COLOR counts as unset: https://no-color.org
function wantsColors({ stdout, env }: CommandContext): boolean {
  return stdout.isTTY === true && !env.NO_COLOR
}

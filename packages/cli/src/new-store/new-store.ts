// `umap new-store`: copies a template into a new directory.

import type { ExitCode } from '../exit-codes.ts'
import { exitCodes } from '../exit-codes.ts'
import type { CommandContext } from '../run.ts'
import type { NewStoreRequest } from './new-store-arguments.ts'

/** Makes the package; returns the exit code. */
export function newStore(_request: NewStoreRequest, _context: CommandContext): ExitCode {
  return exitCodes.failed
}

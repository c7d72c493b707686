// `umap serve`: says when the socket listens, and turns what happened into an exit code. The work is
// the supervisor's of `@umap/server`.

import { UmapError } from '@umap/core'
import { ConfigError, type Listening, readConfigText, supervise } from '@umap/server/supervisor'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { CommandContext } from '../run.ts'
import type { ServeRequest } from './serve-arguments.ts'

/** Serves until it is told to end; returns the exit code. */
export async function serve(
  { file }: ServeRequest,
  { stdout, stderr }: CommandContext,
): Promise<ExitCode> {
  try {
    const config = readConfigText(file)
    const onListening = (listening: Listening) => stdout.write(readyLines(listening))
    const how = await supervise(config, { onListening })
    return how === 'done' ? exitCodes.done : exitCodes.failed
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UmapError)) throw error
    stderr.write(`umap: ${error.message}\n`)
    return error instanceof ConfigError ? exitCodes.usage : exitCodes.failed
  }
}

function readyLines({ socket, metricsPort, pid }: Listening): string {
  const metrics =
    metricsPort === undefined ? '' : `metrics at http://127.0.0.1:${metricsPort}/metrics\n`
  return `${metrics}listening at ${socket}, server process ${pid}\n`
}

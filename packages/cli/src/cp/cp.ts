// `umap cp`: runs one copy with its journal, its progress and Ctrl-C, and says how it went.

import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import path from 'node:path'
import { StoreError } from '@umap/store'
import { formatBytes } from '../amounts.ts'
import { formatDuration } from '../durations.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { CommandContext } from '../run.ts'
import { UsageError } from '../usage-error.ts'
import { type CopyResult, copyStore } from './copy.ts'
import { CopyError, copyErrorCodes } from './copy-error.ts'
import type { CpRequest } from './cp-arguments.ts'
import { identityOf } from './open-stores.ts'
import { makeProgress, noProgress } from './progress.ts'
import { readStoreArgument, type StoreArgument } from './store-argument.ts'

/** Copies a store; returns the exit code. */
export async function cp(request: CpRequest, context: CommandContext): Promise<ExitCode> {
  let from: StoreArgument
  let to: StoreArgument
  try {
    from = readStoreArgument('FROM', request.from)
    to = readStoreArgument('TO', request.to)
  } catch (error) {
    return reportFailure(explainArgument(error), request, context)
  }
  const progress = request.quiet ? noProgress : makeProgress(context.stderr)
  const startMs = performance.now()
  const interruption = listenForInterruption(() => {
    progress.end()
    context.stderr.write('umap: stopping once what is under way is durable; again: at once\n')
  })
  try {
    const result = await copyStore({
      ...request,
      from,
      to,
      journalFile: request.journal ?? journalFileOf(to, context),
      signal: interruption.signal,
      onPhase: (phase, doneBytes, totalBytes) => progress.begin(phase, doneBytes, totalBytes),
      onProgress: (bytes) => progress.advance(bytes),
    })
    progress.end()
    const seconds = (performance.now() - startMs) / 1000
    context.stdout.write(
      request.json ? resultJson(result, from, to, seconds) : resultText(result, request, seconds),
    )
    return exitCodes.done
  } catch (error) {
    progress.end()
    return reportFailure(error, request, context)
  } finally {
    interruption.stop()
  }
}

/** The first Ctrl-C (or SIGTERM) aborts the signal; a second one ends the process as ever. */
function listenForInterruption(onInterrupted: () => void): {
  signal: AbortSignal
  stop: () => void
} {
  const controller = new AbortController()
  const stop = () => {
    process.removeListener('SIGINT', interrupt)
    process.removeListener('SIGTERM', interrupt)
  }
  const interrupt = () => {
    stop()
    onInterrupted()
    controller.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return { signal: controller.signal, stop }
}

// One journal for each TO, in the place that the XDG base directory specification has for state.
function journalFileOf(to: StoreArgument, { env }: CommandContext): string {
  const stateHome = env.XDG_STATE_HOME || path.join(env.HOME || homedir(), '.local', 'state')
  const name = createHash('sha256').update(identityOf(to.ref)).digest('hex').slice(0, 32)
  return path.join(stateHome, 'umap', 'cp', `${name}.journal`)
}

function explainArgument(error: unknown): unknown {
  if (error instanceof TypeError) return new UsageError(error.message, { cause: error })
  if (!(error instanceof StoreError)) return error
  const name = /package '([^']+)'/.exec(error.message)?.[1]
  return new CopyError(error.message, {
    code: error.code,
    ...(name !== undefined && { wayOut: `npm install ${name}` }),
    cause: error,
  })
}

function resultText(result: CopyResult, { verify }: CpRequest, seconds: number): string {
  const parts = [
    `${formatBytes(result.writtenBytes)} written`,
    `${formatBytes(result.holeBytes)} left as holes`,
    ...(result.resumedBytes > 0 ? [`${formatBytes(result.resumedBytes)} were there`] : []),
    ...(result.recopiedBytes > 0
      ? [`${formatBytes(result.recopiedBytes)} of that had changed and were copied again`]
      : []),
    verify === 'none' ? 'not verified' : 'all verified',
  ]
  return `copied ${formatBytes(result.byteLength)} in ${formatDuration(seconds)}: ${parts.join(', ')}\n`
}

function resultJson(
  result: CopyResult,
  from: StoreArgument,
  to: StoreArgument,
  seconds: number,
): string {
  const places = { from: from.label, to: to.label }
  const durationMs = Math.round(seconds * 1000)
  return `${JSON.stringify({ status: 'done', ...places, ...result, durationMs }, null, 2)}\n`
}

function reportFailure(error: unknown, { json }: CpRequest, context: CommandContext): ExitCode {
  if (error instanceof UsageError) {
    context.stderr.write(`umap: ${error.message} (see umap cp --help)\n`)
    return exitCodes.usage
  }
  if (!(error instanceof CopyError)) throw error
  const { code, resumableBytes } = error
  const message = error.message.replaceAll(/\s*\n\s*/g, ' ')
  const isInterrupted = code === copyErrorCodes.interrupted
  if (json) {
    const status = isInterrupted ? 'interrupted' : 'failed'
    const isResumable = resumableBytes !== undefined
    const report = { status, error: { code, message }, isResumable, resumableBytes }
    context.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  }
  context.stderr.write(`umap: ${message} (${code})\n`)
  const wayOut = [
    error.wayOut,
    resumableBytes !== undefined &&
      `${formatBytes(resumableBytes)} are durable in TO; the same command goes on from there`,
  ]
  const text = wayOut.filter((part) => part).join('; ')
  if (text !== '') context.stderr.write(`umap: ${text}\n`)
  return code === 'OPTIONS' ? exitCodes.usage : exitCodes.failed
}

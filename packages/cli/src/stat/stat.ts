// `umap stat`: asks a server what it does and prints it, once or again and again. Each time over a
// connection of its own, so that a server that was started again is asked as well.

import { setTimeout as sleep } from 'node:timers/promises'
import { UmapError } from '@umap/core'
import { readServerStats, type ServerStats } from '@umap/server'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { CommandContext } from '../run.ts'
import { makeLiveDisplay, type Show } from './live-display.ts'
import type { StatRequest } from './stat-arguments.ts'
import { formatStats } from './stat-text.ts'

/** Prints; returns the exit code. An interruption ends watching, and is no failure. */
export async function stat(
  request: StatRequest,
  { stdout, stderr }: CommandContext,
): Promise<ExitCode> {
  const interrupted = new AbortController()
  const onInterrupt = () => interrupted.abort()
  if (request.watch) process.on('SIGINT', onInterrupt).on('SIGTERM', onInterrupt)
  try {
    const show: Show = request.watch ? makeLiveDisplay(stdout) : (text) => stdout.write(text)
    if (request.json) await printJson(request, stdout.write.bind(stdout), interrupted.signal)
    else await printTables(request, show, interrupted.signal)
    return exitCodes.done
  } catch (error) {
    if (interrupted.signal.aborted) return exitCodes.done
    if (!(error instanceof UmapError)) throw error
    stderr.write(`umap: ${error.message}\n`)
    return exitCodes.failed
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt)
  }
}

// A line each time, so that whoever reads need not find out where one ends.
async function printJson(
  { socket, watch, intervalSeconds }: StatRequest,
  write: (text: string) => unknown,
  signal: AbortSignal,
): Promise<void> {
  if (!watch) {
    write(`${JSON.stringify(await readServerStats(socket), null, 2)}\n`)
    return
  }
  for (;;) {
    write(`${JSON.stringify(await readServerStats(socket))}\n`)
    await sleep(intervalSeconds * 1000, undefined, { signal })
  }
}

// Rates need two snapshots: the first is not shown.
async function printTables(
  { socket, watch, intervalSeconds }: StatRequest,
  show: Show,
  signal: AbortSignal,
): Promise<void> {
  let before = await timed(socket)
  do {
    await sleep(intervalSeconds * 1000, undefined, { signal })
    const now = await timed(socket)
    const seconds = (now.ms - before.ms) / 1000
    show(`${socket}: ${formatStats(now.stats, { before: before.stats, seconds })}`)
    before = now
  } while (watch)
}

async function timed(socket: string): Promise<{ ms: number; stats: ServerStats }> {
  const stats = await readServerStats(socket)
  // Who asks is a client too, and not one that anybody asks about.
  const clients = stats.clients.filter(({ pid }) => pid !== process.pid)
  return { ms: performance.now(), stats: { ...stats, clients } }
}

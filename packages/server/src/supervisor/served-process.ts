// The process that a supervisor runs a server in. Ends in order when it is told to, by SIGTERM, and
// when the supervisor is gone; and like a crash where it cannot take over what another one left, so
// that nothing of that is touched.

import { loadEngine, reportLine } from '@umap/core/shared'
import { openServer } from '../serve.ts'
import type { Server } from '../server.ts'
import { ConfigError, parseConfig } from './config-file.ts'
import { ledgerFd, type Order, type Report } from './messages.ts'

let opening: Promise<Server> | undefined
let isClosing = false

// A terminal sends these to the whole group of processes; the supervisor decides.
process.on('SIGINT', () => undefined)
process.on('SIGHUP', () => undefined)
process.on('SIGTERM', close)
process.on('disconnect', close)
process.on('message', (order: Order) => {
  if (order.type === 'close') close()
  else opening ??= open(order)
})

async function open(order: Order & { type: 'start' }): Promise<Server> {
  let generation = 1
  try {
    const engine = loadEngine()
    const ledgerId = engine.native.ledgerOpen(ledgerFd, close)
    generation = engine.native.ledgerFacts(ledgerId).generation
    const options = parseConfig(order.config, engine.defaults)
    const metricsPort = order.metricsPort ?? options.metricsPort
    const isFirst = generation === 1
    const server = await openServer(engine, { ...options, metricsPort }, { ledgerId, isFirst })
    const port = server.metricsPort
    const reached = port === undefined ? {} : { metricsPort: port }
    await report({ type: 'listening', socket: server.socket, ...reached })
    return server
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    await report({ type: 'refused', message, isConfig: error instanceof ConfigError })
    // What a server before left is for the next one: its pages are neither closed nor written.
    if (generation > 1) process.kill(process.pid, 'SIGKILL')
    process.exit(1)
  }
}

function close(): void {
  if (isClosing) return
  isClosing = true
  void closeNow()
}

async function closeNow(): Promise<void> {
  let failure: string | undefined
  try {
    const server = await opening
    await server?.close()
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
  }
  // A supervisor that is gone says nothing.
  if (failure !== undefined && !process.connected) reportLine(`not written back: ${failure}`)
  await report({ type: 'closed', ...(failure !== undefined && { failure }) })
  process.exit(failure === undefined ? 0 : 1)
}

/** Resolves when the supervisor has it, or is gone. */
function report(message: Report): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve()
    else process.send?.(message, undefined, undefined, () => resolve())
  })
}

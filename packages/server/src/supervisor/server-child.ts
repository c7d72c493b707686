// A server process as its supervisor sees it: started with its end of the keeper, told to close,
// and one report of how it ended, which comes after everything that it had to say.

import { type ChildProcess, fork } from 'node:child_process'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ledgerFd, type Order, type Report } from './messages.ts'

const stderrFd = 2
/** How long the messages of a process that has ended may take to arrive. */
const lastMessagesMs = 500

/** What a server process tells. */
export interface ServerChildEvents {
  onReport(report: Report): void
  /** Last, once. `reason` completes a sentence: 'it was killed by SIGKILL'. */
  onEnd(reason: string): void
}

/** A server process. */
export class ServerChild {
  readonly #child: ChildProcess
  readonly #events: ServerChildEvents
  #hasEnded = false

  /** Starts it. `fd` is its end of the keeper, which this process gives up. */
  constructor(fd: number, order: Order, events: ServerChildEvents) {
    this.#events = events
    // What a store prints is no output of the supervisor's.
    const stdio: (number | 'ignore' | 'ipc')[] = ['ignore', stderrFd, stderrFd, 'ipc']
    stdio[ledgerFd] = fd
    try {
      this.#child = fork(fileURLToPath(new URL('./served-process.js', import.meta.url)), [], {
        execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
        stdio,
      })
    } finally {
      // Else this process itself would hold the link open.
      closeSync(fd)
    }
    this.#child.on('message', (report: Report) => events.onReport(report))
    this.#child.on('error', (error) => this.#end(`it cannot be started: ${error.message}`))
    this.#child.on('exit', (code, signal) => this.#exited(code, signal))
    this.send(order)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** To a process that is gone already too. */
  send(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => undefined)
  }

  /** Ends it as a crash would. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  // What it has said before its end may still be on its way.
  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const reason =
      signal === null ? `it ended with exit code ${code}` : `it was killed by ${signal}`
    if (!this.#child.connected) {
      this.#end(reason)
      return
    }
    const timer = setTimeout(() => this.#end(reason), lastMessagesMs)
    this.#child.once('disconnect', () => {
      clearTimeout(timer)
      this.#end(reason)
    })
  }

  #end(reason: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#events.onEnd(reason)
  }
}

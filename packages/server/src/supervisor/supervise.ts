// `umap serve`: keeps what clients need (sockets, memory, userfaultfds) and has a server process
// work with it, which is started again when it dies. Opens no store and maps nothing itself, so that
// it has no reason to die. Runs in the main thread of a process of its own.

import { checkCanServe, loadEngine, reportLine } from '@umap/core/shared'
import { removeSocketFile, type SocketFile, socketFileAt } from '../socket-file.ts'
import { type ConfigText, parseConfig } from './config-file.ts'
import type { Order, Report } from './messages.ts'
import { defaultRestartOptions, type RestartOptions, RestartPolicy } from './restart-policy.ts'
import { ServerChild } from './server-child.ts'

/** What a server that listens says of itself. */
export interface Listening {
  readonly socket: string
  readonly metricsPort?: number
  /** Of the server process, which is another one after each restart. */
  readonly pid: number | undefined
}

/** How to supervise. */
export interface SuperviseOptions {
  /** Called when the socket listens for the first time. */
  onListening(listening: Listening): void
  readonly restart?: RestartOptions
}

/**
 * Serves what `config` says until SIGTERM or SIGINT, then closes in order; a second one of them ends
 * the server like a crash. SIGHUP changes nothing: the configuration is read once.
 *
 * @returns 'done' when everything is written back and closed; 'failed' when not, when no server can
 * be started, or when it keeps dying: lines on standard error say why. Throws a `ConfigError` where
 * the configuration makes no sense, and a `UmapError` where this machine cannot serve.
 */
export async function supervise(
  config: ConfigText,
  options: SuperviseOptions,
): Promise<'done' | 'failed'> {
  const engine = loadEngine()
  checkCanServe(engine)
  // Here already: what is wrong from the beginning needs no process to find out.
  parseConfig(config, engine.defaults)
  return new Supervisor(config, options).run()
}

class Supervisor {
  readonly #config: ConfigText
  readonly #options: SuperviseOptions
  readonly #native = loadEngine().native
  readonly #keeperId = this.#native.keeperOpen()
  readonly #policy: RestartPolicy
  #end: (how: 'done' | 'failed') => void = () => undefined
  #child: ServerChild | undefined
  #restartTimer: NodeJS.Timeout | undefined
  /** Of the first server that listened. */
  #listening: Listening | undefined
  #file: SocketFile | undefined
  /** Whether the server that lives, or died last, has listened. */
  #hasServed = false
  #lastReport: Report | undefined
  #isClosing = false
  #isForced = false

  constructor(config: ConfigText, options: SuperviseOptions) {
    this.#config = config
    this.#options = options
    this.#policy = new RestartPolicy(options.restart ?? defaultRestartOptions)
  }

  async run(): Promise<'done' | 'failed'> {
    const onEnd = () => this.#close()
    const onHangup = () => reportLine('SIGHUP changes nothing: the configuration is read at start')
    process.on('SIGTERM', onEnd).on('SIGINT', onEnd).on('SIGHUP', onHangup)
    try {
      return await new Promise((resolve) => {
        this.#end = resolve
        this.#start()
      })
    } finally {
      process.off('SIGTERM', onEnd).off('SIGINT', onEnd).off('SIGHUP', onHangup)
      // Clients that are there still learn that nobody is left.
      this.#native.keeperClose(this.#keeperId)
    }
  }

  #start(): void {
    const { metricsPort } = this.#listening ?? {}
    const order: Order = {
      type: 'start',
      config: this.#config,
      ...(metricsPort !== undefined && { metricsPort }),
    }
    this.#hasServed = false
    this.#lastReport = undefined
    try {
      this.#child = new ServerChild(this.#native.keeperRenew(this.#keeperId), order, {
        onReport: (report) => this.#receive(report),
        onEnd: (reason) => this.#died(reason),
      })
    } catch (error) {
      this.#died(`it cannot be started: ${error instanceof Error ? error.message : error}`)
    }
  }

  #receive(report: Report): void {
    this.#lastReport = report
    if (report.type !== 'listening') return
    const { socket, metricsPort } = report
    const pid = this.#child?.pid
    const listening = { socket, pid, ...(metricsPort !== undefined && { metricsPort }) }
    this.#hasServed = true
    this.#file ??= socketFileAt(socket)
    if (this.#listening === undefined) this.#options.onListening(listening)
    else reportLine(`a new server process, ${pid}, has taken over`)
    this.#listening = listening
    if (this.#isClosing) this.#child?.send({ type: 'close' })
  }

  // A second request is for one that hangs: a store that does not answer, say.
  #close(): void {
    if (this.#isClosing) {
      this.#isForced = true
      reportLine('the server is ended at once: what was not written back is lost')
      this.#child?.kill()
      if (this.#restartTimer !== undefined) this.#fail()
      return
    }
    this.#isClosing = true
    if (this.#restartTimer !== undefined) {
      // What the one that died left has to be written back by another one.
      clearTimeout(this.#restartTimer)
      this.#restart()
    } else {
      this.#child?.send({ type: 'close' })
    }
  }

  #restart(): void {
    this.#restartTimer = undefined
    this.#start()
  }

  #died(reason: string): void {
    this.#child = undefined
    const report = this.#lastReport
    if (report?.type === 'closed') {
      if (report.failure !== undefined) reportLine(`not written back: ${report.failure}`)
      this.#end(report.failure === undefined ? 'done' : 'failed')
      return
    }
    if (this.#isForced) {
      this.#fail()
      return
    }
    const why = report?.type === 'refused' ? report.message : reason
    if (report?.type === 'refused' && this.#listening === undefined) {
      // The first one of all knows best: another try would end in the same way.
      reportLine(why)
      this.#fail()
      return
    }
    this.#restartAfter(why)
  }

  #restartAfter(why: string): void {
    const delayMs = this.#policy.delayAfterDeath(this.#hasServed)
    if (delayMs === undefined) {
      reportLine(
        `the server has died ${this.#policy.deaths} times in a row without having served (${why}): ` +
          'giving up; what was not written back is lost',
      )
      this.#fail()
      return
    }
    const when = delayMs === 0 ? 'at once' : `in ${delayMs} ms`
    reportLine(`the server process has died (${why}); another one takes over ${when}`)
    this.#restartTimer = setTimeout(() => this.#restart(), delayMs)
  }

  #fail(): void {
    clearTimeout(this.#restartTimer)
    // A server that closes in order does so itself.
    if (this.#file !== undefined) removeSocketFile(this.#file)
    this.#end('failed')
  }
}

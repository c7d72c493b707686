// A server that runs. Everything here runs in the thread that called `serve`; what clients do is
// answered by the engine's threads, which never wait for this one.

import { EventEmitter } from 'node:events'
import {
  type Engine,
  PageBuffer,
  type SharedRegion,
  toUmapError,
  UmapError,
  umapErrorCodes,
} from '@umap/core/shared'
import type { MetricsServer } from './metrics-server.ts'
import type { ResolvedServeOptions } from './serve-options.ts'
import type { ServerStats } from './server-stats.ts'
import { removeSocketFile, type SocketFile, socketFileAt } from './socket-file.ts'

/** What a server has from the process that supervises it. */
export interface Inheritance {
  readonly ledgerId: number
  /** No server was there before. */
  readonly isFirst: boolean
}

/** What a server is made of; `regions` are added while it is opened. */
export interface ServerParts {
  readonly engine: Engine
  readonly options: ResolvedServeOptions
  readonly buffer: PageBuffer
  readonly regions: SharedRegion[]
  readonly inheritance?: Inheritance | undefined
}

/** The events of a server and what their listeners are called with. */
export interface ServerEventMap {
  /**
   * A fill or a write-back of a data set failed; `error.place` says where, `error.cause` why. It is
   * a line on standard error in any case, and no listener need be there.
   */
  error: [error: UmapError, dataset: string]
}

/** Data sets at a Unix socket. Made by `serve`. */
export class Server extends EventEmitter<ServerEventMap> {
  /** Path of the socket. */
  readonly socket: string
  /** Not for applications: the engine's number of the server. */
  readonly id: number
  readonly #parts: ServerParts
  readonly #onExit = () => this.#file !== undefined && removeSocketFile(this.#file)
  #file: SocketFile | undefined
  #metrics: MetricsServer | undefined
  #isServerClosed = false
  #lastStats: ServerStats | undefined
  #closing: Promise<void> | undefined

  /** Not for applications: use `serve`. */
  constructor(parts: ServerParts) {
    super()
    const { engine, options, buffer, inheritance } = parts
    this.#parts = parts
    this.socket = options.socket
    this.id = engine.native.serverOpen({
      socketPath: options.socket,
      socketMode: options.socketMode,
      limits: options.limits,
      bufferId: PageBuffer.idOf(buffer),
      ...(inheritance !== undefined && { ledgerId: inheritance.ledgerId }),
    })
  }

  /** Port of the metrics at 127.0.0.1; undefined without the option `metrics`. */
  get metricsPort(): number | undefined {
    return this.#metrics?.port
  }

  /** Not for applications: `serve` has called it. Listens, once every data set is there. */
  async start(): Promise<void> {
    const { engine, options, inheritance } = this.#parts
    if (options.metricsPort !== undefined) {
      // Only here: HTTP is half of what a server process loads, and clients wait for one that restarts.
      const { startMetrics } = await import('./metrics-server.ts')
      this.#metrics = await startMetrics(options.metricsPort, () => this.stats())
    }
    try {
      engine.native.serverStart(this.id)
    } catch (error) {
      throw toUmapError(error, 'open', `the socket ${this.socket} cannot be had`)
    }
    // The next server of a supervisor listens at the same socket.
    if (inheritance !== undefined) return
    this.#file = socketFileAt(this.socket)
    process.on('exit', this.#onExit)
  }

  /** Not for applications: what a region tells. */
  tellError(error: UmapError, dataset: string): void {
    if (this.listenerCount('error') > 0) this.emit('error', error, dataset)
  }

  /** A plain snapshot of the server, its data sets and clients; after `close` the last one. */
  stats(): ServerStats {
    if (this.#lastStats !== undefined) return this.#lastStats
    return JSON.parse(this.#parts.engine.native.serverStats(this.id)) as ServerStats
  }

  /**
   * Ends the service: clients are told, everything is written back and made durable, stores are
   * closed, the socket's file is removed. Their mappings stay with the clients; a touch of a page
   * that they do not have raises SIGBUS there. Idempotent.
   *
   * Rejects with UMAP_STORE that names the data sets whose write-back fails. Nothing of them is lost
   * then, and `close` may be repeated; clients are gone in any case.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeNow()
    return this.#closing
  }

  /** The same as `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeNow(): Promise<void> {
    const { regions, buffer } = this.#parts
    const failures = await this.#closeServer()
    const failed = (await Promise.all(regions.map(closeOrTell))).filter((error) => error !== null)
    // A flush that failed at first and went well when it was repeated has lost nothing, but one
    // that is final is told only once.
    const errors = failed.length > 0 ? failed : failures
    if (failed.length === 0) buffer.close()
    if (errors.length === 0) return
    this.#closing = undefined
    const message = errors.map((error) => error.message).join('; ')
    const cause = errors.length === 1 ? errors[0]?.cause : new AggregateError(errors, message)
    throw new UmapError(message, { code: umapErrorCodes.store, cause })
  }

  // Once, however often `close` is repeated.
  async #closeServer(): Promise<Error[]> {
    if (this.#isServerClosed) return []
    this.#isServerClosed = true
    await this.#metrics?.close()
    this.#lastStats = this.stats()
    process.off('exit', this.#onExit)
    try {
      await this.#parts.engine.native.serverClose(this.id)
      return []
    } catch (error) {
      return [toUmapError(error, 'close', 'write-back')]
    }
  }
}

/** Closes a region; null, or a failure that says how much is not written. */
async function closeOrTell(region: SharedRegion): Promise<Error | null> {
  try {
    await region.close()
    return null
  } catch (error) {
    const { dirtyBytes } = region.stats()
    const { message } = error as Error
    const cause = (error as Error).cause
    return new Error(`${message} (${dirtyBytes} bytes of it are not written)`, { cause })
  }
}

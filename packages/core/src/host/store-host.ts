// The mapping thread's side of its store host: starts the supervisor, opens and closes stores in
// it, and gives each a share of an arena. One host of each place a thread; it ends soon after its
// last store.

import { randomUUID } from 'node:crypto'
import { serialize } from 'node:v8'
import { setEnvironmentData, Worker } from 'node:worker_threads'
import type { HostId, NativeBinding } from '@umap/native'
import { deserializeError, type StoreAccess, type StoreRef } from '@umap/store'
import { reportLine } from './direct-output.ts'
import { storeWorkerExecArgv } from './exec-argv.ts'
import {
  type HostPlace,
  type HostReply,
  type HostRequest,
  type StoreDescription,
  type SupervisorData,
  storeHostMark,
} from './messages.ts'
import { storeLabel } from './store-label.ts'

/** A store that runs in a host. */
export interface HostedStore {
  readonly storeKey: number
  readonly description: StoreDescription
  /** Closes the store. Rejects with what its `close` threw. */
  close(): Promise<void>
}

/** Memory through which a host's stores read and write; `hostId` is the engine's number of it. */
export interface ArenaLease {
  readonly hostId: HostId
  readonly callBytesMax: number
  release(): void
}

interface Arena {
  readonly hostId: HostId
  users: number
}

interface Waiter {
  resolve(description: StoreDescription | undefined): void
  reject(error: Error): void
}

/** Calls are no longer than this, unless a page is. */
const callBytesMax = 8 * 2 ** 20
const arenaBytesMin = 8 * callBytesMax
/** How long the engine waits for a dead host to come back before it fails the calls. */
const graceMs = 10_000
/** A program that opens one store after the other keeps its host. */
const lingerMs = 100

/** The stores of one thread that run in its host of one place. */
export class StoreHost {
  readonly #native: NativeBinding
  readonly #place: HostPlace
  readonly #arenas = new Map<number, Arena>()
  readonly #waiters = new Map<number, Waiter>()
  #worker: Worker | undefined
  #storeCount = 0
  #nextStoreKey = 1
  #linger: NodeJS.Timeout | undefined

  constructor(native: NativeBinding, place: HostPlace) {
    this.#native = native
    this.#place = place
  }

  /**
   * Opens a store in the host. Rejects with the `StoreError` that opening it ended with, and with a
   * `TypeError` where the store's options cannot get there.
   */
  async open(ref: StoreRef, access: StoreAccess): Promise<HostedStore> {
    if (this.#place === 'process') {
      checkForProcess(ref)
    }
    const storeKey = this.#nextStoreKey
    this.#nextStoreKey += 1
    this.#storeCount += 1
    try {
      const session = randomUUID()
      const request: HostRequest = { type: 'open', storeKey, ref, access, session }
      const description = await this.#ask(request, storeKey)
      return {
        storeKey,
        description: description as StoreDescription,
        close: () => this.#close(storeKey),
      }
    } catch (error) {
      this.#storeGone()
      throw error
    }
  }

  /** Memory for calls of a store whose region has pages of `pageBytes`. */
  leaseArena(storeCallBytesMax: number, pageBytes: number): ArenaLease {
    const callBytes = Math.max(pageBytes, Math.min(storeCallBytesMax, callBytesMax))
    // Stores share an arena, save for those whose pages are too large for it.
    const slotBytes = Math.max(callBytesMax, 2 ** Math.ceil(Math.log2(callBytes)))
    const arena = this.#arenas.get(slotBytes) ?? this.#createArena(slotBytes)
    arena.users += 1
    let isReleased = false
    return {
      hostId: arena.hostId,
      callBytesMax: callBytes,
      release: () => {
        arena.users -= isReleased ? 0 : 1
        if (arena.users === 0 && !isReleased) {
          this.#arenas.delete(slotBytes)
          this.#native.hostClose(arena.hostId)
          this.#worker?.postMessage({ type: 'unserve', hostId: arena.hostId } satisfies HostRequest)
        }
        isReleased = true
      },
    }
  }

  #createArena(slotBytes: number): Arena {
    const arenaBytes = Math.max(arenaBytesMin, 2 * slotBytes)
    const arena = { hostId: this.#native.hostCreate({ arenaBytes, graceMs }), users: 0 }
    this.#arenas.set(slotBytes, arena)
    this.#worker?.postMessage({ type: 'serve', hostId: arena.hostId } satisfies HostRequest)
    return arena
  }

  async #close(storeKey: number): Promise<void> {
    try {
      await this.#ask({ type: 'close', storeKey }, storeKey)
    } finally {
      this.#storeGone()
    }
  }

  #ask(request: HostRequest, storeKey: number): Promise<StoreDescription | undefined> {
    clearTimeout(this.#linger)
    this.#worker ??= this.#startWorker()
    const worker = this.#worker
    return new Promise((resolve, reject) => {
      // Referenced only while somebody waits, so that an open region does not keep a program alive.
      this.#waiters.set(storeKey, { resolve, reject })
      worker.ref()
      try {
        worker.postMessage(request)
      } catch (error) {
        this.#settle(storeKey)
        reject(error)
      }
    })
  }

  #settle(storeKey: number): Waiter | undefined {
    const waiter = this.#waiters.get(storeKey)
    this.#waiters.delete(storeKey)
    if (this.#waiters.size === 0) {
      this.#worker?.unref()
    }
    return waiter
  }

  #receive(reply: HostReply): void {
    const waiter = this.#settle(reply.storeKey)
    if (reply.type === 'opened') {
      waiter?.resolve(reply.description)
    } else if (reply.type === 'failed' || reply.error !== undefined) {
      waiter?.reject(deserializeError(reply.error))
    } else {
      waiter?.resolve(undefined)
    }
  }

  #startWorker(): Worker {
    const data: SupervisorData = {
      place: this.#place,
      execArgv: storeWorkerExecArgv(process.execArgv),
    }
    // For this worker and its children only, and before any preload of theirs could map a region.
    setEnvironmentData(storeHostMark, true)
    const worker = new Worker(new URL('./supervisor.js', import.meta.url), {
      workerData: data,
      // The supervisor needs no preload or loader of the program; the store worker gets them.
      execArgv: [],
      name: 'umap supervisor',
    })
    setEnvironmentData(storeHostMark)
    worker.on('message', (reply: HostReply) => this.#receive(reply))
    worker.on('error', (error) => reportLine(`the supervisor of the store host died: ${error}`))
    worker.on('exit', () => this.#workerEnded(worker))
    worker.unref()
    for (const { hostId } of this.#arenas.values()) {
      worker.postMessage({ type: 'serve', hostId } satisfies HostRequest)
    }
    return worker
  }

  #workerEnded(worker: Worker): void {
    if (worker !== this.#worker) {
      return
    }
    this.#worker = undefined
    for (const storeKey of [...this.#waiters.keys()]) {
      const message = 'the store host ended before it answered'
      this.#settle(storeKey)?.reject(deserializeError({ message, code: 'STORE_HOST_DIED' }))
    }
  }

  #storeGone(): void {
    this.#storeCount -= 1
    if (this.#storeCount > 0) {
      return
    }
    clearTimeout(this.#linger)
    this.#linger = setTimeout(() => {
      if (this.#storeCount === 0) {
        const worker = this.#worker
        this.#worker = undefined
        worker?.postMessage({ type: 'end' } satisfies HostRequest)
      }
    }, lingerMs)
    this.#linger.unref()
  }
}

// A SharedArrayBuffer gets into a thread, but into no other process.
function checkForProcess(ref: StoreRef): void {
  try {
    serialize(ref)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TypeError(
      `host is 'process', and the options of store ${storeLabel(ref)} cannot be passed to ` +
        `another process: ${reason} Use host: 'worker'`,
    )
  }
}

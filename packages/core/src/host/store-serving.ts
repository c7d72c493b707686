// Runs JavaScript stores for the engine, in the thread or process that is there for nothing else:
// opens, serves and closes them as the supervisor asks. Never touches region memory, and writes its
// output without waiting for any other thread. When it dies, the supervisor starts it again, and
// the engine repeats the calls that were in flight.

import { hostOps, type NativeBinding } from '@umap/native'
import { serializeError } from '@umap/store'
import { installDirectOutput, reportLine } from './direct-output.ts'
import type { HostReply, HostRequest, OpenRequest, StoreDescription } from './messages.ts'
import { StoreCalls } from './store-calls.ts'

/** Where the stores run, as far as that makes a difference. */
export interface ServingPlace {
  readonly native: NativeBinding
  /** Tells the mapping thread, through the supervisor. */
  reply(message: HostReply): void
  /** What the mapping thread shall know of a store. */
  describe(description: StoreDescription): StoreDescription
}

/** Begins to run stores; the function that it returns takes the supervisor's requests. */
export function serveStores(place: ServingPlace): (request: HostRequest) => void {
  const stores = new ServedStores(place)
  installDirectOutput()
  // A rejection that nobody handles is a store's fault that leaves its calls as they were. An
  // exception that nobody catches may have been the end of a call, so it ends this thread.
  process.on('unhandledRejection', (reason) => {
    const { name, message } = serializeError(reason)
    reportLine(`unhandled rejection in the store host (${stores.labels()}): ${name}: ${message}`)
  })
  return (request) => stores.receive(request)
}

class ServedStores {
  readonly #place: ServingPlace
  readonly #calls = new StoreCalls()
  #takesTurn = false

  constructor(place: ServingPlace) {
    this.#place = place
  }

  labels(): string {
    return this.#calls.labels().join(', ') || 'no store is open'
  }

  receive(request: HostRequest): void {
    switch (request.type) {
      case 'open':
        void this.#open(request)
        break
      case 'close':
        void this.#close(request.storeKey)
        break
      case 'serve':
        this.#serve(request.hostId)
        break
      case 'unserve':
        this.#place.native.hostUnserve(request.hostId)
        break
      case 'end':
        void this.#end()
        break
    }
  }

  async #open(request: OpenRequest): Promise<void> {
    const { storeKey } = request
    try {
      const store = await this.#calls.adopt(request)
      if (store !== undefined) {
        const { byteLength, capabilities, version } = store
        const description = {
          byteLength,
          capabilities: { ...capabilities },
          canDiscard: store.discard !== undefined,
          ...(version !== undefined && { version }),
        }
        this.#place.reply({
          type: 'opened',
          storeKey,
          description: this.#place.describe(description),
        })
      }
    } catch (error) {
      this.#place.reply({ type: 'failed', storeKey, error: serializeError(error) })
    }
  }

  async #close(storeKey: number): Promise<void> {
    try {
      await this.#calls.close(storeKey)
      this.#place.reply({ type: 'closed', storeKey })
    } catch (error) {
      this.#place.reply({ type: 'closed', storeKey, error: serializeError(error) })
    }
  }

  #serve(hostId: number): void {
    const { native } = this.#place
    const complete = (token: number, outcome: 0 | 1 | 2, errorJson?: string) =>
      errorJson === undefined
        ? native.hostComplete(hostId, token, outcome)
        : native.hostComplete(hostId, token, outcome, errorJson)
    const arena = native.hostServe(
      hostId,
      (token, storeKey, opIndex, offset, byteLength, arenaOffset) => {
        if (arena.byteLength === 0) {
          // Only a new host gets a new view of the arena: this one cannot serve any more.
          throw new Error(
            'a store transferred the memory that it was called with to another thread',
          )
        }
        const op = hostOps[opIndex] as (typeof hostOps)[number]
        const call = { token, storeKey, op, offset, byteLength, arenaOffset }
        return !this.#calls.run(call, arena, complete) && this.#takeTurn()
      },
    )
  }

  // Promises that wait for nothing are settled by microtasks: another one waits for the next calls.
  #takeTurn(): boolean {
    if (!this.#takesTurn) {
      this.#takesTurn = true
      queueMicrotask(this.#turn)
    }
    return true
  }

  readonly #turn = () => {
    this.#takesTurn = this.#place.native.hostTurn()
    if (this.#takesTurn) {
      queueMicrotask(this.#turn)
    }
  }

  async #end(): Promise<void> {
    await this.#calls.closeAll()
    process.exit(0)
  }
}

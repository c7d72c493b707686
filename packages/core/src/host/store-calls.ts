// Runs the engine's calls on JavaScript stores: finds the store, gives it its part of the arena,
// and completes the call exactly once, whatever the store does. Runs in the store worker only.

import type { HostCall } from '@umap/native'
import {
  openStoreRef,
  type PageStore,
  StoreError,
  serializeError,
  storeErrorCodes,
} from '@umap/store'
import type { OpenRequest } from './messages.ts'
import { storeLabel } from './store-label.ts'

/** How a call ended, as the engine counts it. */
export const callOutcome = { ok: 0, hole: 1, error: 2 } as const

/** Tells the engine how a call ended. */
export type CompleteCall = (token: number, outcome: 0 | 1 | 2, errorJson?: string) => void

type OpenedStore = (request: OpenRequest) => Promise<PageStore>

/** One store of this worker; `opening` is replaced when an attempt to open it has failed. */
interface HostedStore {
  readonly request: OpenRequest
  readonly inFlight: Set<CallOptions>
  opening?: Promise<PageStore>
  store?: PageStore
}

// A call's `options`. Most stores never look at the signal, so it is only made when one does.
class CallOptions {
  #controller: AbortController | undefined
  #reason: unknown

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) {
        this.#controller.abort(this.#reason)
      }
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}

/** The stores of one store worker, and the calls on them. */
export class StoreCalls {
  readonly #stores = new Map<number, HostedStore>()
  readonly #open: OpenedStore

  /** `open` opens a store; by default with `openStoreRef`. */
  constructor(open: OpenedStore = openRequested) {
    this.#open = open
  }

  /** Takes a store on; it is opened now, or, `again`, when its first call comes. */
  async adopt(request: OpenRequest): Promise<PageStore | undefined> {
    const hosted: HostedStore = { request, inFlight: new Set() }
    this.#stores.set(request.storeKey, hosted)
    if (request.again === true) {
      return undefined
    }
    try {
      return await this.#opened(hosted)
    } catch (error) {
      this.#stores.delete(request.storeKey)
      throw error
    }
  }

  /** Closes a store; calls that are still in flight are aborted. Rejects with the store's error. */
  async close(storeKey: number): Promise<void> {
    const hosted = this.#stores.get(storeKey)
    this.#stores.delete(storeKey)
    if (hosted === undefined) {
      return
    }
    const reason = new StoreError('the region is closed', { code: storeErrorCodes.closed })
    for (const options of hosted.inFlight) {
      options.abort(reason)
    }
    const store = hosted.store ?? (await hosted.opening?.catch(() => undefined))
    await store?.close()
  }

  /** Closes every store; failures are left to nobody, for nobody waits any more. */
  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#stores.keys()].map((storeKey) => this.close(storeKey)))
  }

  /** Labels of all stores, for messages. */
  labels(): string[] {
    return [...this.#stores.values()].map(({ request }) => storeLabel(request.ref))
  }

  /**
   * Runs one call. A store that answers at once is completed before this returns, which then is
   * true; `complete` is called exactly once, and nothing is thrown.
   */
  run(call: HostCall, arena: ArrayBufferLike, complete: CompleteCall): boolean {
    const hosted = this.#stores.get(call.storeKey)
    if (hosted === undefined) {
      const error = new StoreError('the store is closed', { code: storeErrorCodes.closed })
      complete(call.token, callOutcome.error, errorJson(error, call, undefined))
      return true
    }
    if (hosted.store !== undefined) {
      return this.#runOn(hosted, hosted.store, call, arena, complete)
    }
    this.#opened(hosted).then(
      (store) => this.#runOn(hosted, store, call, arena, complete),
      (error) => {
        const cause = new StoreError('the store could not be opened again', {
          code: storeErrorCodes.module,
          // A store that knows that it never will opens no more; of anything else nobody knows.
          retryable: !(error instanceof StoreError) || error.retryable,
          cause: error,
        })
        complete(call.token, callOutcome.error, errorJson(cause, call, hosted.request))
      },
    )
    return false
  }

  async #opened(hosted: HostedStore): Promise<PageStore> {
    hosted.opening ??= this.#open(hosted.request)
    try {
      hosted.store = await hosted.opening
      return hosted.store
    } catch (error) {
      // The next call tries again.
      delete hosted.opening
      throw error
    }
  }

  #runOn(
    hosted: HostedStore,
    store: PageStore,
    call: HostCall,
    arena: ArrayBufferLike,
    complete: CompleteCall,
  ): boolean {
    const options = new CallOptions()
    const fail = (error: unknown) => {
      hosted.inFlight.delete(options)
      complete(call.token, callOutcome.error, errorJson(error, call, hosted.request))
    }
    const finish = (result: unknown) => {
      hosted.inFlight.delete(options)
      const outcome = outcomeOf(call, result)
      if (outcome === undefined) {
        fail(garbageResult(call, result))
      } else {
        complete(call.token, outcome)
      }
    }
    hosted.inFlight.add(options)
    try {
      const result: unknown = startCall(store, call, arena, options)
      if (isThenable(result)) {
        Promise.resolve(result).then(finish, fail)
        return false
      }
      finish(result)
    } catch (error) {
      fail(error)
    }
    return true
  }
}

function openRequested(request: OpenRequest): Promise<PageStore> {
  const { ref, access, session, version } = request
  return openStoreRef(ref, {
    access,
    ...(session !== undefined && { session }),
    ...(request.again === true && version !== undefined && { version }),
  })
}

function startCall(
  store: PageStore,
  call: HostCall,
  arena: ArrayBufferLike,
  options: CallOptions,
): unknown {
  switch (call.op) {
    case 'read':
      return store.read(call.offset, bytesOf(call, arena), options)
    case 'write':
      if (store.write === undefined) {
        throw new StoreError('the store has no write function', { code: storeErrorCodes.readOnly })
      }
      return store.write(call.offset, bytesOf(call, arena), options)
    case 'flush':
      return store.flush?.()
    case 'discard':
      return store.discard?.(call.offset, call.byteLength)
    default:
      throw new StoreError(`the engine asked for '${String(call.op)}', which this host has not`, {
        code: storeErrorCodes.unsupported,
      })
  }
}

function bytesOf(call: HostCall, arena: ArrayBufferLike): Uint8Array {
  return new Uint8Array(arena, call.arenaOffset, call.byteLength)
}

// A read must say nothing or 'hole': a count would hide a short read, and show an old page's bytes.
function outcomeOf(call: HostCall, result: unknown): 0 | 1 | undefined {
  if (call.op !== 'read' || result === undefined) {
    return callOutcome.ok
  }
  return result === 'hole' ? callOutcome.hole : undefined
}

function garbageResult(call: HostCall, result: unknown): StoreError {
  const shown = typeof result === 'object' ? 'an object' : String(result)
  return new StoreError(`${call.op} returned ${shown}; it must return nothing or 'hole'`, {
    code: storeErrorCodes.invalid,
  })
}

function errorJson(error: unknown, call: HostCall, request: OpenRequest | undefined): string {
  const serialized = serializeError(error)
  const where = request === undefined ? '' : ` of ${storeLabel(request.ref)}`
  const range = call.op === 'flush' ? '' : ` of ${call.byteLength} bytes at ${call.offset}`
  const message = `${call.op}${range}${where}: ${serialized.message}`
  return JSON.stringify({ ...serialized, message })
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

// The layer that holds a store's calls to a rate in bytes and calls per second, and to a number in
// flight. Calls wait in the order in which they came; none overtakes, so none starves. Any thread.

import type { OpenStoreContext, PageStore } from '../page-store.ts'
import { StoreError, storeErrorCodes } from '../store-error.ts'
import type { StoreRef, StoreSource } from '../store-ref.ts'
import { checkInteger, checkNumber, checkObject } from './check-options.ts'
import {
  type LayerCall,
  type LayerRefOptions,
  layerRef,
  layerStore,
  openLayer,
  splitLayerOptions,
} from './layer.ts'
import { type LayerRuntime, systemRuntime } from './runtime.ts'
import { TokenBucket } from './token-bucket.ts'

/** Options of {@link throttle} and {@link throttleStore}; what is left out is not limited. */
export interface ThrottleOptions {
  /** Bytes that are read and written in a second. Holes cost none. */
  readonly bytesPerSecond?: number
  /** Bytes that may pass at once after a rest. Default: those of one second. */
  readonly burstBytes?: number
  /** Calls of any kind in a second. */
  readonly callsPerSecond?: number
  /** Calls that may pass at once after a rest. Default: those of one second, at least 1. */
  readonly burstCalls?: number
  /** Calls in flight in the store below. */
  readonly concurrencyMax?: number
}

interface CheckedOptions {
  readonly bytesPerSecond: number
  readonly burstBytes: number
  readonly callsPerSecond: number
  readonly burstCalls: number
  readonly concurrencyMax: number
}

interface Waiting {
  readonly bytes: number
  start(): void
  refuse(error: unknown): void
}

const names = [
  'bytesPerSecond',
  'burstBytes',
  'callsPerSecond',
  'burstCalls',
  'concurrencyMax',
] as const
const unlimited = Number.POSITIVE_INFINITY
// A timer may end a little early by the clock; a wait is never shorter than this.
const waitMsMin = 1

/**
 * A reference to `source` whose calls keep to a rate.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function throttle(
  source: StoreSource,
  options: ThrottleOptions,
): StoreRef<LayerRefOptions<ThrottleOptions>> {
  checkOptions(options)
  return layerRef(import.meta.url, source, options)
}

/**
 * `store` with calls that keep to a rate. An abort ends the wait of a call; `close` ends those of
 * all calls with 'STORE_CLOSED'.
 */
export function throttleStore(
  store: PageStore,
  options: ThrottleOptions,
  runtime: LayerRuntime = systemRuntime,
): PageStore {
  const checked = checkOptions(options)
  const queue = new ThrottleQueue(checked, runtime)
  return layerStore(store, {
    around: (call, proceed) => queue.run(call, proceed),
    close: async () => {
      queue.close()
      await store.close()
    },
    capabilities: {
      concurrencyMax: Math.min(store.capabilities.concurrencyMax, checked.concurrencyMax),
    },
  })
}

/** Opens what {@link throttle} refers to. */
export async function openStore(
  options: LayerRefOptions<ThrottleOptions>,
  context?: OpenStoreContext,
): Promise<PageStore> {
  const { store, own } = splitLayerOptions('throttle', options)
  checkOptions(own)
  return await openLayer(store, context, (inner) => throttleStore(inner, own))
}

class ThrottleQueue {
  readonly #runtime: LayerRuntime
  readonly #concurrencyMax: number
  readonly #bytes: TokenBucket | undefined
  readonly #calls: TokenBucket | undefined
  // In the order of arrival; a set, so that one that is aborted leaves without a search.
  readonly #waiting = new Set<Waiting>()
  #inFlight = 0
  #cancelTimer: (() => void) | undefined

  constructor(options: CheckedOptions, runtime: LayerRuntime) {
    const now = runtime.now()
    const { bytesPerSecond, burstBytes, callsPerSecond, burstCalls, concurrencyMax } = options
    this.#runtime = runtime
    this.#concurrencyMax = concurrencyMax
    if (bytesPerSecond < unlimited) {
      this.#bytes = new TokenBucket(bytesPerSecond, burstBytes, now)
    }
    if (callsPerSecond < unlimited) {
      this.#calls = new TokenBucket(callsPerSecond, burstCalls, now)
    }
  }

  async run(call: LayerCall, proceed: () => unknown): Promise<unknown> {
    const bytes = call.op === 'read' || call.op === 'write' ? call.byteLength : 0
    await this.#turn(bytes, call.options?.signal)
    try {
      const result = await proceed()
      if (result === 'hole') {
        this.#bytes?.giveBack(bytes)
      }
      return result
    } finally {
      this.#inFlight -= 1
      this.#startDue()
    }
  }

  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    const closed = new StoreError('the store is closed', { code: storeErrorCodes.closed })
    for (const waiting of [...this.#waiting]) {
      waiting.refuse(closed)
    }
  }

  #turn(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason)
        return
      }
      const leave = () => {
        this.#waiting.delete(waiting)
        signal?.removeEventListener('abort', abort)
      }
      const waiting: Waiting = {
        bytes,
        start: () => {
          leave()
          resolve()
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      const abort = () => {
        waiting.refuse(signal?.reason)
        // Those behind it may need less.
        this.#startDue()
      }
      signal?.addEventListener('abort', abort)
      this.#waiting.add(waiting)
      this.#startDue()
    })
  }

  // Starts what may start, in order, and sets the timer for the first that may not yet.
  #startDue(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (const waiting of this.#waiting) {
      if (this.#inFlight >= this.#concurrencyMax) {
        // The end of a call looks again.
        return
      }
      const now = this.#runtime.now()
      const bytesWaitMs = this.#bytes?.waitMs(waiting.bytes, now) ?? 0
      const waitMs = Math.max(bytesWaitMs, this.#calls?.waitMs(1, now) ?? 0)
      if (waitMs > 0) {
        const delayMs = Math.max(waitMs, waitMsMin)
        this.#cancelTimer = this.#runtime.after(delayMs, () => this.#startDue())
        return
      }
      this.#bytes?.take(waiting.bytes, now)
      this.#calls?.take(1, now)
      this.#inFlight += 1
      waiting.start()
    }
  }
}

function checkOptions(options: ThrottleOptions): CheckedOptions {
  checkObject('throttle', options, names)
  const limits = [options.bytesPerSecond, options.callsPerSecond, options.concurrencyMax]
  if (limits.every((limit) => limit === undefined)) {
    throw new TypeError('throttle needs bytesPerSecond, callsPerSecond or concurrencyMax')
  }
  const max = Number.MAX_SAFE_INTEGER
  const bytesPerSecond = checkNumber('bytesPerSecond', options.bytesPerSecond, unlimited, 1, max)
  const callsPerSecond = checkNumber(
    'callsPerSecond',
    options.callsPerSecond,
    unlimited,
    0.001,
    max,
  )
  const burstCalls = Math.max(1, callsPerSecond)
  return {
    bytesPerSecond,
    burstBytes: checkNumber('burstBytes', options.burstBytes, bytesPerSecond, 1, max),
    callsPerSecond,
    burstCalls: checkNumber('burstCalls', options.burstCalls, burstCalls, 1, max),
    concurrencyMax: checkInteger('concurrencyMax', options.concurrencyMax, max, 1, max),
  }
}

// The layer that bounds how long a call may take. A call that is late is aborted, and its caller is
// told at once; the store below may go on using memory, so it never gets the caller's: it works on
// buffers of this layer, which are used again only once it has settled. Any thread.

import type { OpenStoreContext, PageStore, StoreCallOptions } from '../page-store.ts'
import { StoreError, storeErrorCodes } from '../store-error.ts'
import type { StoreRef, StoreSource } from '../store-ref.ts'
import { BufferPool } from './buffer-pool.ts'
import { checkNumber, checkObject } from './check-options.ts'
import {
  type LayerCall,
  type LayerRefOptions,
  layerCapabilities,
  layerRef,
  openLayer,
  splitLayerOptions,
} from './layer.ts'
import { OverlappingCalls } from './overlapping-calls.ts'
import { type LayerRuntime, systemRuntime } from './runtime.ts'

/** Options of {@link timeout} and {@link timeoutStore}: milliseconds for each kind of call. */
export interface TimeoutOptions {
  /** Default 30 000. */
  readonly readMs?: number
  /** Default 30 000. */
  readonly writeMs?: number
  /** Default 120 000. */
  readonly flushMs?: number
  /** Default 30 000. */
  readonly discardMs?: number
  /** Default 30 000. */
  readonly closeMs?: number
}

const names = ['readMs', 'writeMs', 'flushMs', 'discardMs', 'closeMs'] as const
const limitMs = 2 ** 31 - 1

/**
 * A reference to `source` whose calls fail when they take too long.
 *
 * Throws a `TypeError` or `RangeError` that names the option.
 */
export function timeout(
  source: StoreSource,
  options: TimeoutOptions = {},
): StoreRef<LayerRefOptions<TimeoutOptions>> {
  checkOptions(options)
  return layerRef(import.meta.url, source, options)
}

/**
 * `store` with calls that reject with 'STORE_TIMEOUT', which is retryable, when they take too long.
 *
 * The signal of the late call is aborted. Until the store below has settled it, calls that may not
 * overlap it wait, within their own time: a late write must not land on top of a newer one.
 */
export function timeoutStore(
  store: PageStore,
  options: TimeoutOptions = {},
  runtime: LayerRuntime = systemRuntime,
): PageStore {
  return new TimeoutLayer(store, checkOptions(options), runtime).store()
}

/** Opens what {@link timeout} refers to. Opening itself is not bounded. */
export async function openStore(
  options: LayerRefOptions<TimeoutOptions>,
  context?: OpenStoreContext,
): Promise<PageStore> {
  const { store, own } = splitLayerOptions('timeout', options)
  checkOptions(own)
  return await openLayer(store, context, (inner) => timeoutStore(inner, own))
}

class TimeoutLayer {
  readonly #inner: PageStore
  readonly #limits: Required<TimeoutOptions>
  readonly #runtime: LayerRuntime
  readonly #buffers = new BufferPool()
  readonly #calls = new OverlappingCalls()
  #closing: Promise<void> | undefined

  constructor(inner: PageStore, limits: Required<TimeoutOptions>, runtime: LayerRuntime) {
    this.#inner = inner
    this.#limits = limits
    this.#runtime = runtime
  }

  store(): PageStore {
    const inner = this.#inner
    return {
      byteLength: inner.byteLength,
      capabilities: layerCapabilities(inner),
      get version() {
        return inner.version
      },
      read: (offset, target, options) => this.#read(offset, target, options),
      ...(inner.write !== undefined && {
        write: (offset: number, source: Uint8Array, options: StoreCallOptions) =>
          this.#write(offset, source, options),
      }),
      ...(inner.flush !== undefined && { flush: () => this.#flush() }),
      ...(inner.discard !== undefined && {
        discard: (offset: number, byteLength: number) => this.#discard(offset, byteLength),
      }),
      close: () => {
        this.#closing ??= this.#close()
        return this.#closing
      },
    }
  }

  async #read(
    offset: number,
    target: Uint8Array,
    options?: StoreCallOptions,
  ): Promise<void | 'hole'> {
    const { byteLength } = target
    const call: LayerCall = { op: 'read', offset, byteLength, ...(options && { options }) }
    const buffer = this.#buffers.take(byteLength)
    const result = await this.#limited(
      call,
      async (signal) => await this.#inner.read(offset, buffer, { signal }),
      () => this.#buffers.giveBack(buffer),
      (read) => {
        if (read === undefined) {
          target.set(buffer)
        }
      },
    )
    return result
  }

  async #write(offset: number, source: Uint8Array, options?: StoreCallOptions): Promise<void> {
    const { byteLength } = source
    const call: LayerCall = { op: 'write', offset, byteLength, ...(options && { options }) }
    const buffer = this.#buffers.take(byteLength)
    buffer.set(source)
    await this.#limited(
      call,
      async (signal) => await this.#inner.write?.(offset, buffer, { signal }),
      () => this.#buffers.giveBack(buffer),
    )
  }

  async #flush(): Promise<void> {
    const call: LayerCall = { op: 'flush', offset: 0, byteLength: 0 }
    await this.#limited(call, async () => await this.#inner.flush?.())
  }

  async #discard(offset: number, byteLength: number): Promise<void> {
    const call: LayerCall = { op: 'discard', offset, byteLength }
    await this.#limited(call, async () => await this.#inner.discard?.(offset, byteLength))
  }

  async #close(): Promise<void> {
    let cancel = () => {}
    const late = new Promise<never>((_, reject) => {
      const ms = this.#limits.closeMs
      cancel = this.#runtime.after(ms, () => reject(timedOut('close', ms)))
    })
    try {
      await Promise.race([this.#inner.close(), late])
    } finally {
      cancel()
    }
  }

  // Settles with the call, or when its time is over or its caller gives up. `arrived` runs in the
  // former case only, `settled` once the store below has let go of the memory.
  #limited<T>(
    call: LayerCall,
    start: (signal: AbortSignal) => Promise<T>,
    settled: () => void = () => {},
    arrived: (result: T) => void = () => {},
  ): Promise<T> {
    const controller = new AbortController()
    const { signal } = controller
    const running = this.#calls.run(call, signal, () => start(signal))
    return new Promise<T>((resolve, reject) => {
      const outer = call.options?.signal
      const limitMs = this.#limits[`${call.op}Ms`]
      const letGo = () => {
        cancel()
        outer?.removeEventListener('abort', abort)
      }
      const giveUp = (reason: unknown) => {
        letGo()
        // First, so that the caller hears of the time and not of what the abort made of it.
        reject(reason)
        controller.abort(reason)
      }
      const abort = () => giveUp(outer?.reason)
      const cancel = this.#runtime.after(limitMs, () => giveUp(timedOut(call.op, limitMs, call)))
      running.then(
        (result) => {
          if (!signal.aborted) {
            letGo()
            arrived(result)
            resolve(result)
          }
          settled()
        },
        (error) => {
          letGo()
          reject(error)
          settled()
        },
      )
      if (outer?.aborted) {
        abort()
      } else {
        outer?.addEventListener('abort', abort)
      }
    })
  }
}

function timedOut(op: string, limitMs: number, call?: LayerCall): StoreError {
  const range =
    call === undefined || call.op === 'flush'
      ? ''
      : ` of ${call.byteLength} bytes at ${call.offset}`
  return new StoreError(`the ${op}${range} took longer than ${limitMs} ms`, {
    code: storeErrorCodes.timeout,
    retryable: true,
  })
}

function checkOptions(options: TimeoutOptions): Required<TimeoutOptions> {
  checkObject('timeout', options, names)
  const { readMs, writeMs, flushMs, discardMs, closeMs } = options
  return {
    readMs: checkNumber('readMs', readMs, 30_000, 1, limitMs),
    writeMs: checkNumber('writeMs', writeMs, 30_000, 1, limitMs),
    flushMs: checkNumber('flushMs', flushMs, 120_000, 1, limitMs),
    discardMs: checkNumber('discardMs', discardMs, 30_000, 1, limitMs),
    closeMs: checkNumber('closeMs', closeMs, 30_000, 1, limitMs),
  }
}

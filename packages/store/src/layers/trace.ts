// The layer that writes one structured record for each call: what, where, how long, how it ended.
// Records hold no data and no texts of errors, which may hold secrets. A record that cannot be
// written never fails a call. Any thread.

import type { OpenStoreContext, PageStore } from '../page-store.ts'
import { readProperty, storeErrorCodes } from '../store-error.ts'
import type { StoreRef, StoreSource } from '../store-ref.ts'
import { checkObject, show } from './check-options.ts'
import {
  type LayerRefOptions,
  layerRef,
  layerStore,
  openLayer,
  splitLayerOptions,
} from './layer.ts'
import { type LayerRuntime, systemRuntime } from './runtime.ts'
import { openTraceOutput } from './trace-output.ts'

/** One call on the store below. */
export interface TraceRecord {
  readonly op: 'read' | 'write' | 'flush' | 'discard' | 'close'
  /** In bytes; 0 for a flush and a close, as is `byteLength`. */
  readonly offset: number
  readonly byteLength: number
  /** When the call began, in microseconds since 1970. */
  readonly startUs: number
  /** How long it took, in microseconds. */
  readonly durationUs: number
  readonly outcome: 'ok' | 'hole' | 'error' | 'aborted'
  /** Of the error; 'STORE_UNKNOWN' where it has none. */
  readonly code?: string
}

/** Options of {@link trace}. */
export interface TraceOptions {
  /** The file that lines are appended to; made where it is missing. Left out: standard error. */
  readonly path?: string
  /** Is put into every line as `store`, to tell several stores apart. */
  readonly label?: string
}

const names = ['path', 'label'] as const
// Codes of this project, of the system and of others look so. What does not may be anything.
const codePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/

/**
 * A reference to `source` whose calls are written down as lines of JSON, one {@link TraceRecord}
 * each.
 *
 * Throws a `TypeError` that names the option.
 */
export function trace(
  source: StoreSource,
  options: TraceOptions = {},
): StoreRef<LayerRefOptions<TraceOptions>> {
  checkOptions(options)
  return layerRef(import.meta.url, source, options)
}

/**
 * `store` with calls that are given to `onRecord` when they have ended. What `onRecord` throws is
 * ignored.
 */
export function traceStore(
  store: PageStore,
  onRecord: (record: TraceRecord) => void,
  runtime: LayerRuntime = systemRuntime,
): PageStore {
  if (typeof onRecord !== 'function') {
    throw new TypeError(`onRecord must be a function, not ${show(onRecord)}`)
  }
  const observe = observer(onRecord, runtime)
  let closing: Promise<void> | undefined
  return layerStore(store, {
    around: ({ op, offset, byteLength, options }, proceed) =>
      observe({ op, offset, byteLength }, proceed, () => options?.signal),
    close: () => {
      const close = async () => await store.close()
      closing ??= observe({ op: 'close', offset: 0, byteLength: 0 }, close) as Promise<void>
      return closing
    },
  })
}

/** Opens what {@link trace} refers to. */
export async function openStore(
  options: LayerRefOptions<TraceOptions>,
  context?: OpenStoreContext,
): Promise<PageStore> {
  const { store, own } = splitLayerOptions('trace', options)
  checkOptions(own)
  const { path, label } = own
  const output = openTraceOutput(path)
  try {
    return await openLayer(store, context, (inner) => {
      const traced = traceStore(inner, (record) =>
        output.write(label === undefined ? record : { store: label, ...record }),
      )
      const closeTraced = traced.close
      const close = async () => {
        try {
          await closeTraced()
        } finally {
          output.close()
        }
      }
      return Object.defineProperty(traced, 'close', { value: close })
    })
  } catch (error) {
    output.close()
    throw error
  }
}

type ObservedCall = Pick<TraceRecord, 'op' | 'offset' | 'byteLength'>

// A call that is answered at once stays so.
function observer(onRecord: (record: TraceRecord) => void, runtime: LayerRuntime) {
  return (
    call: ObservedCall,
    proceed: () => unknown,
    signalOf: () => AbortSignal | undefined = () => undefined,
  ): unknown => {
    const startedMs = runtime.now()
    const startUs = Math.round((performance.timeOrigin + startedMs) * 1000)
    const end = (outcome: TraceRecord['outcome'], code?: string) => {
      const durationUs = Math.round((runtime.now() - startedMs) * 1000)
      try {
        onRecord({ ...call, startUs, durationUs, outcome, ...(code !== undefined && { code }) })
      } catch {
        // Tracing must not change how a call ends.
      }
    }
    const succeed = (result: unknown) => {
      end(result === 'hole' ? 'hole' : 'ok')
      return result
    }
    const fail = (error: unknown) => {
      const outcome = signalOf()?.aborted ? 'aborted' : 'error'
      end(outcome, codeOf(error))
      throw error
    }
    let result: unknown
    try {
      result = proceed()
    } catch (error) {
      return fail(error)
    }
    return isThenable(result) ? Promise.resolve(result).then(succeed, fail) : succeed(result)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof readProperty(value, 'then') === 'function'
}

function codeOf(error: unknown): string {
  const code = readProperty(error, 'code')
  return typeof code === 'string' && codePattern.test(code) ? code : storeErrorCodes.unknown
}

function checkOptions(options: TraceOptions): void {
  checkObject('trace', options, names)
  for (const name of names) {
    const value: unknown = options[name]
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw new TypeError(`${name} must be a text that is not empty, not ${show(value)}`)
    }
  }
}

// The events of a region: an EventEmitter on which an `error` that nobody listens for is a line on
// standard error, not the end of the process, since the engine goes on trying.

import { EventEmitter } from 'node:events'
import type { NativeRegionEvent } from '@umap/native'
import type { UmapError } from './errors.ts'
import { reportLine } from './host/direct-output.ts'
import { toPlacedError, toServerGoneError } from './native-errors.ts'

/** The page buffer's budget has changed with the memory that the machine has to spare. */
export interface PressureEvent {
  /** The new budget. */
  readonly budgetBytes: number
}

/** A fault has been waiting for seconds; the engine has said so on standard error as well. */
export interface StallEvent {
  /** What is waited for, in one sentence. */
  readonly message: string
  /** First byte of what is waited for, counted from the start of the region. */
  readonly offset: number
  readonly byteLength: number
}

/** The events of a region and what their listeners are called with. */
export interface RegionEventMap {
  /**
   * A fill or a write-back failed; `error.place` says where, `error.cause` why. Or, with the code
   * UMAP_SERVER_GONE and no place, the server that has the region's pages is gone for good.
   */
  error: [error: UmapError]
  pressure: [event: PressureEvent]
  stall: [event: StallEvent]
}

const reportIntervalMs = 1000

/** The event side of a region. */
export class RegionEvents extends EventEmitter<RegionEventMap> {
  #reportedMs = Number.NEGATIVE_INFINITY
  #unreported = 0

  /** Tells the listeners what the engine has told. */
  protected receive(event: NativeRegionEvent): void {
    const { kind, error, offset, byteLength, budgetBytes } = event
    if (kind === 'pressure') {
      this.emit('pressure', { budgetBytes })
    } else if (kind === 'stall') {
      const message = error?.message ?? 'a fault is waiting for its store'
      this.emit('stall', { message, offset, byteLength })
    } else if (kind === 'server-gone') {
      if (error !== undefined) this.#tellError(toServerGoneError(error))
    } else if (error !== undefined) {
      this.#tellError(toPlacedError(error, { operation: kind, offset, byteLength }))
    }
  }

  #tellError(error: UmapError): void {
    if (this.listenerCount('error') > 0) {
      this.emit('error', error)
      return
    }
    const nowMs = performance.now()
    if (nowMs - this.#reportedMs < reportIntervalMs) {
      this.#unreported += 1
      return
    }
    const more = this.#unreported > 0 ? ` (and ${this.#unreported} more like it)` : ''
    reportLine(`${error.message}${more}; listen for the region's 'error' event to handle this`)
    this.#reportedMs = nowMs
    this.#unreported = 0
  }
}

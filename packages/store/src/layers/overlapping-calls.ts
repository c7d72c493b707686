// Keeps the contract towards the store below after a call was given up: calls whose ranges overlap
// are never in flight together where one of them writes. One thread.

import type { LayerCall } from './layer.ts'

interface Running {
  readonly call: LayerCall
  readonly settled: Promise<void>
}

/** Starts calls one after the other where they must not be in flight together. */
export class OverlappingCalls {
  readonly #running = new Set<Running>()

  /**
   * Starts `start` once no call is running that must not overlap `call`. Rejects with the signal's
   * reason where it is aborted before that.
   */
  async run<T>(call: LayerCall, signal: AbortSignal, start: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted()
      const blocking = this.#blocking(call)
      if (blocking === undefined) {
        break
      }
      await settledOrAborted(blocking.settled, signal)
    }
    let settle = () => {}
    const running: Running = {
      call,
      settled: new Promise((resolve) => {
        settle = resolve
      }),
    }
    this.#running.add(running)
    try {
      return await start()
    } finally {
      this.#running.delete(running)
      settle()
    }
  }

  #blocking(call: LayerCall): Running | undefined {
    for (const running of this.#running) {
      if (conflicts(call, running.call)) {
        return running
      }
    }
    return undefined
  }
}

function conflicts(a: LayerCall, b: LayerCall): boolean {
  const overlap = a.offset < b.offset + b.byteLength && b.offset < a.offset + a.byteLength
  return overlap && (a.op !== 'read' || b.op !== 'read')
}

function settledOrAborted(settled: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    void settled.then(() => {
      signal.removeEventListener('abort', abort)
      resolve()
    })
  })
}

// The switches and the report of a faulty store, in shared memory: a test can use them while the
// store runs in another thread, and while its own thread has been blocked in a fault.

import { type FaultKind, type FaultyCall, faultKinds, faultyCalls } from './fault-options.ts'

/** One fault that a store has made. */
export interface FaultRecord {
  readonly call: FaultyCall
  /** The number of the call, counted for each kind of call from 1 on. */
  readonly number: number
  readonly fault: FaultKind
  /** Where the call began; 0 for a flush. */
  readonly offset: number
  readonly byteLength: number
  /** Bytes that were done in spite of the fault; milliseconds of a delay. */
  readonly amount: number
}

/** What a faulty store has done. */
export interface FaultReport {
  /** Calls of each kind so far, with and without faults. */
  readonly calls: Readonly<Record<FaultyCall, number>>
  /** Faults so far; {@link FaultReport.faults} holds the first 4096. */
  readonly faultCount: number
  readonly faults: readonly FaultRecord[]
  /** Calls that hang now. */
  readonly hanging: number
  /** Crashes so far. */
  readonly crashes: number
}

// Int32 slots.
const slot = { paused: 0, releases: 1, hanging: 2, crashes: 3, faultCount: 4, calls: 5 } as const
const headBytes = 64
const recordsMax = 4096
// call, number, fault, offset, byteLength, amount.
const recordWords = 6

/** Memory for the control of one faulty store. */
export function allocateFaultControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(
    headBytes + recordsMax * recordWords * Float64Array.BYTES_PER_ELEMENT,
  )
}

/** Switches of a faulty store, and what it has done; any thread may use it. */
export class FaultControl {
  readonly #slots: Int32Array
  readonly #records: Float64Array

  /** `memory` is what {@link allocateFaultControl} made. */
  constructor(memory: SharedArrayBuffer) {
    this.#slots = new Int32Array(memory, 0, headBytes / Int32Array.BYTES_PER_ELEMENT)
    this.#records = new Float64Array(memory, headBytes)
  }

  /** Calls meet no faults from now on; they are counted nevertheless. */
  pause(): void {
    Atomics.store(this.#slots, slot.paused, 1)
  }

  /** Ends `pause`. */
  resume(): void {
    Atomics.store(this.#slots, slot.paused, 0)
  }

  /** Lets every call go on that hangs now. */
  release(): void {
    Atomics.add(this.#slots, slot.releases, 1)
  }

  /**
   * As if the power failed: what a volatile store has not flushed is lost, and every call on the
   * stores that are open now is rejected. Open the inner store again to see what is left.
   */
  crash(): void {
    Atomics.add(this.#slots, slot.crashes, 1)
  }

  /** A snapshot of what has happened. */
  report(): FaultReport {
    const faultCount = Atomics.load(this.#slots, slot.faultCount)
    const faults: FaultRecord[] = []
    for (let index = 0; index < Math.min(faultCount, recordsMax); index++) {
      faults.push(this.#record(index))
    }
    const calls = faultyCalls.map((call) => [call, this.callCount(call)])
    return {
      calls: Object.fromEntries(calls) as Record<FaultyCall, number>,
      faultCount,
      faults,
      hanging: Atomics.load(this.#slots, slot.hanging),
      crashes: this.crashes,
    }
  }

  get isPaused(): boolean {
    return Atomics.load(this.#slots, slot.paused) === 1
  }

  get releases(): number {
    return Atomics.load(this.#slots, slot.releases)
  }

  get crashes(): number {
    return Atomics.load(this.#slots, slot.crashes)
  }

  /** Calls of this kind so far. */
  callCount(call: FaultyCall): number {
    return Atomics.load(this.#slots, slot.calls + faultyCalls.indexOf(call))
  }

  /** Counts a call; returns its number, from 1 on. */
  countCall(call: FaultyCall): number {
    return Atomics.add(this.#slots, slot.calls + faultyCalls.indexOf(call), 1) + 1
  }

  /** Counts a call that begins to hang (1) or goes on (-1). */
  countHanging(change: 1 | -1): void {
    Atomics.add(this.#slots, slot.hanging, change)
  }

  /** Adds a fault to the report. */
  note({ call, number, fault, offset, byteLength, amount }: FaultRecord): void {
    const index = Atomics.add(this.#slots, slot.faultCount, 1)
    if (index < recordsMax) {
      const words = [faultyCalls.indexOf(call), number, faultKinds.indexOf(fault)]
      this.#records.set([...words, offset, byteLength, amount], index * recordWords)
    }
  }

  #record(index: number): FaultRecord {
    const words = this.#records.subarray(index * recordWords, (index + 1) * recordWords)
    const [call = 0, number = 0, fault = 0, offset = 0, byteLength = 0, amount = 0] = words
    return {
      call: faultyCalls[call] as FaultyCall,
      number,
      fault: faultKinds[fault] as FaultKind,
      offset,
      byteLength,
      amount,
    }
  }
}

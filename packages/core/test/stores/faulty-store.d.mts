/** Slots of `control`. */
export const slot: {
  readonly readsToFail: number
  readonly writesToFail: number
  readonly flushesToFail: number
  readonly retryable: number
  readonly hang: number
  readonly fault: number
  readonly reads: number
  readonly writes: number
  readonly flushes: number
  readonly opens: number
  readonly discards: number
  readonly closes: number
}

/** Values of the slot `fault`. */
export const fault: {
  readonly none: number
  readonly throws: number
  readonly rejectsText: number
  readonly returnsCount: number
  readonly exits: number
  readonly throwsUncaught: number
  readonly leavesRejection: number
  readonly logs: number
  readonly awaitsOutput: number
}

/** Options for `storeRef`, and the views with which a test looks into the store. */
export function faultyStoreOptions(byteLength: number): {
  options: { data: SharedArrayBuffer; control: SharedArrayBuffer }
  data: Uint8Array
  control: Int32Array
}

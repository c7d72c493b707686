// Which block is in which slot, and which leaves when there is no free one: CLOCK, which spares a
// block that was used since the hand passed it (Corbato, 1968). Memory only; one thread.

import { sumBytes } from './format.ts'

const none = -1

/** The slots of a cache file. A slot is free, claimed (being filled), or holds one block. */
export class Slots {
  readonly count: number
  readonly #blockOf: Float64Array
  readonly #sums: Uint8Array
  readonly #used: Uint8Array
  readonly #pins: Uint16Array
  readonly #slotOf = new Map<number, number>()
  readonly #free: number[] = []
  // Slots from here on were never used.
  #fresh = 0
  #hand = 0

  constructor(count: number) {
    this.count = count
    this.#blockOf = new Float64Array(count).fill(none)
    this.#sums = new Uint8Array(count * sumBytes)
    this.#used = new Uint8Array(count)
    this.#pins = new Uint16Array(count)
  }

  get size(): number {
    return this.#slotOf.size
  }

  /** The slot of `block`. */
  find(block: number): number | undefined {
    return this.#slotOf.get(block)
  }

  /** The blocks that have slots, which may change meanwhile. */
  blocks(): IterableIterator<number> {
    return this.#slotOf.keys()
  }

  /** The checksum that the bytes of `slot` must have. */
  sum(slot: number): Uint8Array {
    return this.#sums.subarray(slot * sumBytes, (slot + 1) * sumBytes)
  }

  /** Keeps `slot` from being claimed until `unpin`; its block was used. */
  pin(slot: number): void {
    this.#pins[slot] = (this.#pins[slot] as number) + 1
    this.#used[slot] = 1
  }

  unpin(slot: number): void {
    this.#pins[slot] = (this.#pins[slot] as number) - 1
  }

  /**
   * Takes a slot to be filled: a free one, or that of a block which leaves; `wasHeld` says which.
   * Undefined where every slot is in use at this moment.
   */
  claim(): { slot: number; wasHeld: boolean } | undefined {
    const free = this.#free.pop() ?? (this.#fresh < this.count ? this.#fresh++ : undefined)
    if (free !== undefined) {
      return { slot: free, wasHeld: false }
    }
    // Twice around: once to take the marks away, once to find what has none.
    for (let step = 0; step < 2 * this.count; step++) {
      const slot = this.#hand
      this.#hand = (slot + 1) % this.count
      const block = this.#blockOf[slot] as number
      if (block === none || this.#pins[slot] !== 0) {
        continue
      }
      if (this.#used[slot] === 1) {
        this.#used[slot] = 0
        continue
      }
      this.#slotOf.delete(block)
      this.#blockOf[slot] = none
      return { slot, wasHeld: true }
    }
    return undefined
  }

  /** Gives back a slot that was claimed and not filled. */
  release(slot: number): void {
    this.#free.push(slot)
  }

  /** A claimed slot holds `block` now. */
  publish(slot: number, block: number, sum: Uint8Array): void {
    this.#blockOf[slot] = block
    this.#sums.set(sum, slot * sumBytes)
    this.#used[slot] = 0
    this.#slotOf.set(block, slot)
  }

  /** As `publish`, for a slot found in the file; slots must come in rising order. */
  restore(slot: number, block: number, sum: Uint8Array): void {
    while (this.#fresh < slot) {
      this.#free.push(this.#fresh++)
    }
    this.#fresh = slot + 1
    this.publish(slot, block, sum)
  }

  /** Takes `block` out; its slot is free then, and returned. */
  remove(block: number): number | undefined {
    const slot = this.#slotOf.get(block)
    if (slot !== undefined) {
      this.#slotOf.delete(block)
      this.#blockOf[slot] = none
      this.#free.push(slot)
    }
    return slot
  }
}

// Which blocks are known to be holes: a bit each, in groups that stand at a fixed place of the
// table, where the newest one wins. Memory only; one thread.

import { groupBlocks, sumBytes } from './format.ts'

const none = -1

/** The groups of holes of a cache file. */
export class HoleGroups {
  readonly count: number
  readonly #groupOf: Float64Array
  readonly #epochs: Float64Array
  readonly #bits: Uint8Array

  constructor(count: number) {
    this.count = count
    this.#groupOf = new Float64Array(count).fill(none)
    this.#epochs = new Float64Array(count)
    this.#bits = new Uint8Array(count * sumBytes)
  }

  has(block: number): boolean {
    const group = Math.floor(block / groupBlocks)
    const place = group % this.count
    const bit = block % groupBlocks
    const byte = this.#bits[place * sumBytes + (bit >>> 3)] as number
    return this.#groupOf[place] === group && (byte & (1 << (bit & 7))) !== 0
  }

  /** Adds the blocks of one group; returns the place whose entry must be written. */
  add(block: number, epoch: number): number {
    const group = Math.floor(block / groupBlocks)
    const place = group % this.count
    if (this.#groupOf[place] !== group) {
      this.#groupOf[place] = group
      this.#epochs[place] = epoch
      this.bits(place).fill(0)
    }
    // A group is as new as its newest bit, for its entry has one epoch only.
    this.#epochs[place] = Math.max(this.#epochs[place] as number, epoch)
    const bit = block % groupBlocks
    const at = place * sumBytes + (bit >>> 3)
    this.#bits[at] = (this.#bits[at] as number) | (1 << (bit & 7))
    return place
  }

  /** Takes the blocks from `first` to `last` out; returns the places whose entries must change. */
  remove(first: number, last: number): number[] {
    const firstGroup = Math.floor(first / groupBlocks)
    const lastGroup = Math.floor(last / groupBlocks)
    const groups: number[] = []
    // Few groups are found by their place, many by a look at all places.
    if (lastGroup - firstGroup < this.count) {
      for (let group = firstGroup; group <= lastGroup; group++) {
        groups.push(group)
      }
    } else {
      groups.push(...this.#groupOf.filter((group) => group >= firstGroup && group <= lastGroup))
    }
    return groups
      .filter((group) => this.#removeInGroup(group, first, last))
      .map((group) => group % this.count)
  }

  /** The group at `place`, undefined where there is none. */
  at(place: number): { group: number; epoch: number; bits: Uint8Array } | undefined {
    const group = this.#groupOf[place] as number
    const epoch = this.#epochs[place] as number
    return group === none ? undefined : { group, epoch, bits: this.bits(place) }
  }

  restore(place: number, group: number, epoch: number, bits: Uint8Array): void {
    this.#groupOf[place] = group
    this.#epochs[place] = epoch
    this.bits(place).set(bits)
  }

  bits(place: number): Uint8Array {
    return this.#bits.subarray(place * sumBytes, (place + 1) * sumBytes)
  }

  #removeInGroup(group: number, first: number, last: number): boolean {
    const place = group % this.count
    if (this.#groupOf[place] !== group) {
      return false
    }
    const bits = this.bits(place)
    const from = Math.max(first - group * groupBlocks, 0)
    const to = Math.min(last - group * groupBlocks, groupBlocks - 1)
    let changed = false
    for (let bit = from; bit <= to; bit++) {
      const byte = bits[bit >>> 3] as number
      const mask = 1 << (bit & 7)
      changed ||= (byte & mask) !== 0
      bits[bit >>> 3] = byte & ~mask
    }
    return changed
  }
}

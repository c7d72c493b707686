// What a region asks of the engine, as one small interface, so that a region of no bytes, which
// the kernel cannot map, needs no special cases elsewhere. All methods belong to one thread.

import type { NativeBinding, NativeRegionEvent, RegionId } from '@umap/native'
import type { ExactRange } from './range.ts'
import { emptyRegionStats, type RegionStats, regionStatsOf } from './region-stats.ts'

/** The engine's side of a region in one thread. Failures are the engine's errors. */
export interface RegionMemory {
  /** The engine's number of the region; 0 where there is nothing to map. */
  readonly id: RegionId
  map(): ArrayBufferLike
  /** Detaches what `map` returned, where that can be detached. */
  unmap(): void
  /** Gives back this region's share; true when it was the last in the process. */
  close(): Promise<boolean>
  prefault(ranges: readonly ExactRange[]): Promise<void>
  flush(range: ExactRange): Promise<void>
  evict(range: ExactRange): Promise<void>
  discard(range: ExactRange): Promise<void>
  /** Blocks until the range is resident. */
  pin(range: ExactRange): void
  unpin(range: ExactRange): void
  stats(): RegionStats
  /** Returns the function that ends the subscription. */
  subscribe(onEvent: (event: NativeRegionEvent) => void): () => void
}

/** The memory of an open region of the engine. */
export function nativeMemory(native: NativeBinding, id: RegionId, shared: boolean): RegionMemory {
  return {
    id,
    map: () => native.regionMap(id, shared),
    unmap: () => native.regionUnmap(id),
    close: () => native.regionClose(id),
    prefault: (ranges) => native.regionPrefault(id, pairsOf(ranges)),
    flush: ({ offset, byteLength }) => native.regionFlush(id, offset, byteLength),
    evict: ({ offset, byteLength }) => native.regionEvict(id, offset, byteLength),
    discard: ({ offset, byteLength }) => native.regionDiscard(id, offset, byteLength),
    pin: ({ offset, byteLength }) => native.regionPin(id, offset, byteLength),
    unpin: ({ offset, byteLength }) => native.regionUnpin(id, offset, byteLength),
    stats: () => regionStatsOf(native.regionStats(id)),
    subscribe(onEvent) {
      const subscription = native.regionSubscribe(id, onEvent)
      return () => native.regionUnsubscribe(id, subscription)
    },
  }
}

/** The memory of a region of no bytes: nothing to fill, nothing to write, always the last. */
export function emptyMemory(shared: boolean): RegionMemory {
  const nothing = async () => undefined
  return {
    id: 0,
    map: () => (shared ? new SharedArrayBuffer(0) : new ArrayBuffer(0)),
    unmap() {},
    close: async () => true,
    prefault: nothing,
    flush: nothing,
    evict: nothing,
    discard: nothing,
    pin() {},
    unpin() {},
    stats: emptyRegionStats,
    subscribe: () => () => undefined,
  }
}

function pairsOf(ranges: readonly ExactRange[]): Float64Array {
  const pairs = new Float64Array(2 * ranges.length)
  ranges.forEach(({ offset, byteLength }, index) => {
    pairs[2 * index] = offset
    pairs[2 * index + 1] = byteLength
  })
  return pairs
}

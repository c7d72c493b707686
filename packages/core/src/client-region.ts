// A region of this thread over memory that a server pages: the same `Region`, whose id the engine's
// client side gave. Runs in the thread that is going to touch the memory.

import type { RegionId } from '@umap/native'
import { loadEngine } from './engine-access.ts'
import { toUmapError } from './native-errors.ts'
import type { Access } from './options.ts'
import { Region } from './region.ts'
import { announceClosed, listenForClosings, whenClosedElsewhere } from './region-closings.ts'
import { emptyMemory, nativeMemory } from './region-memory.ts'

/** What the server said of a data set, and how it was asked for. */
export interface ClientRegionParts {
  /** 0 for a data set of no bytes. */
  readonly regionId: RegionId
  readonly byteLength: number
  readonly pageBytes: number
  readonly access: Access
  /** Makes `region.buffer` a `SharedArrayBuffer`. */
  readonly shared: boolean
  /** Called once, when the last region of the process on that memory is closed. */
  onClosed(): void
}

/** The region of a mapping that a client has. Where it cannot be made, the mapping is closed. */
export async function clientRegion(parts: ClientRegionParts): Promise<Region<ArrayBufferLike>> {
  const { regionId, byteLength, pageBytes, access, shared, onClosed } = parts
  const facts = { byteLength, pageBytes, access, shared }
  if (byteLength === 0) {
    const onClose = async () => onClosed()
    return new Region({ ...facts, memory: emptyMemory(shared), onShare() {}, onClose })
  }
  const { native } = loadEngine()
  try {
    return new Region({
      ...facts,
      memory: nativeMemory(native, regionId, shared),
      onShare: listenForClosings,
      async onClose(isLast) {
        if (isLast) {
          announceClosed(regionId)
          onClosed()
        } else {
          whenClosedElsewhere(regionId, onClosed)
        }
      },
    })
  } catch (error) {
    await native.regionClose(regionId).catch(() => undefined)
    throw toUmapError(error, 'map', 'the region cannot be mapped')
  }
}

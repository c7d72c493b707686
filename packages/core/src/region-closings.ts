// Tells the thread that opened a region that its last user, in another thread, has closed it, so
// that the store can be closed. Threads reach each other here without any of them knowing whom.

import { BroadcastChannel } from 'node:worker_threads'
import type { RegionId } from '@umap/native'

const channelName = 'umap.region-closed'

const awaited = new Map<RegionId, () => void>()
const closedAlready = new Set<RegionId>()
let listener: BroadcastChannel | undefined

/** Says to every thread that the engine has closed `id` for good. */
export function announceClosed(id: RegionId): void {
  const channel = new BroadcastChannel(channelName)
  channel.postMessage(id)
  channel.close()
}

/** To be called before another thread can know of the region, or its news may be missed. */
export function listenForClosings(): void {
  if (listener !== undefined) {
    return
  }
  listener = new BroadcastChannel(channelName)
  listener.onmessage = (event: unknown) => {
    const id = (event as { data: RegionId }).data
    const callback = awaited.get(id)
    awaited.delete(id)
    if (callback === undefined) {
      closedAlready.add(id)
    } else {
      callback()
    }
  }
  listener.unref()
}

/** Calls `callback` once when `id` has been closed elsewhere, at once if it already was. */
export function whenClosedElsewhere(id: RegionId, callback: () => void): void {
  if (closedAlready.delete(id)) {
    callback()
  } else {
    awaited.set(id, callback)
  }
}

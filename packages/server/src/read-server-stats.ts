// Asks a server for its statistics, over a connection that maps nothing.

import { loadEngine, toUmapError } from '@umap/core/shared'
import type { ServerStats } from './server-stats.ts'

/**
 * What the server at `socket` tells about itself.
 *
 * Rejects with a `UmapError`: UMAP_SERVER_GONE where there is none, UMAP_PERMISSION where it does
 * not let this user in.
 */
export async function readServerStats(socket: string): Promise<ServerStats> {
  const { native } = loadEngine()
  try {
    return JSON.parse(await native.clientServerStats(socket)) as ServerStats
  } catch (error) {
    throw toUmapError(error, 'connect', `cannot ask the server at ${socket}`)
  }
}

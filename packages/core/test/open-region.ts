// Regions over a file for tests of what every region promises: of this process or, in vitest's
// project 'client', of a server that lives in this process too, so that the same bodies test both.

import path from 'node:path'
import { type Access, type Region, umap } from '@umap/core'
import { connect, serve } from '@umap/server'
import { fileStore } from '@umap/store-file'
import { onTestFinished } from 'vitest'
import { localFile, scratchFolder } from './scratch.ts'

/** What is mapped, and how. */
export interface RegionOfFile {
  readonly file: string
  readonly access: Access
  readonly pageBytes: number
  readonly bufferBytes: number
  readonly shared?: boolean
}

/** Whether regions are those of a server's client. */
export const areClients = process.env.UMAP_TEST_REGIONS === 'client'

/** Opens a region; a test that does not close it has it closed at its end. */
export async function openRegion(wanted: RegionOfFile): Promise<Region> {
  const region = areClients ? await mapFromServer(wanted) : await umapFile(wanted)
  onTestFinished(() => region.close())
  return region
}

function umapFile({ file, bufferBytes, ...options }: RegionOfFile): Promise<Region> {
  const store = localFile(file)
  return umap({ ...options, store, buffer: { bytes: bufferBytes } })
}

async function mapFromServer(wanted: RegionOfFile): Promise<Region> {
  const { file, access, pageBytes, bufferBytes, shared = false } = wanted
  const socket = path.join(scratchFolder(), 'socket')
  const server = await serve({
    socket,
    buffer: { bytes: bufferBytes },
    limits: { pinnedBytesMax: bufferBytes },
    datasets: { data: { store: fileStore({ path: file }), access, pageBytes } },
  })
  onTestFinished(() => server.close())
  const client = await connect(socket)
  onTestFinished(() => client.close())
  return client.map('data', { access, shared })
}

// Our side of the programs under Node: the file as a region, as an application maps it.
import { type Region, umap } from '@umap/core'
import { fileStore } from '@umap/store-file'
import type { NodeProgramOptions } from './options.ts'

/** Maps the first `fileBytes` of the data file. */
export async function openRegion(options: NodeProgramOptions): Promise<Region> {
  return umap({
    store: fileStore({ path: options.file, direct: options.direct }),
    pageBytes: options.pageBytes,
    buffer: { bytes: options.bufferBytes },
    byteLength: options.fileBytes,
    faults: options.faults,
  })
}

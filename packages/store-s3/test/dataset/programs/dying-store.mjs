// A data set whose host dies in the next read after somebody has set `diesAtRead`. A session that is
// passed on is all that this store does for it.

import { openStore as openS3 } from '@umap/store-s3'

export async function openStore({ s3, diesAtRead }, context) {
  const store = await openS3(s3, context)
  return {
    byteLength: store.byteLength,
    capabilities: store.capabilities,
    version: store.version,
    read(offset, target, options) {
      if (Atomics.exchange(diesAtRead, 0, 0) === 1) {
        process.exit(1)
      }
      return store.read(offset, target, options)
    },
    write: (offset, source, options) => store.write(offset, source, options),
    flush: () => store.flush(),
    discard: (offset, byteLength) => store.discard(offset, byteLength),
    close: () => store.close(),
  }
}

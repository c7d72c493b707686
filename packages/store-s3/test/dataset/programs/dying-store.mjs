// A data set whose host dies in the middle of a write: `writesLeft` counts down to it, and stays at
// 0 afterwards. A session that is passed on is all that this store does for it.

import { openStore as openS3 } from '@umap/store-s3'

export async function openStore({ s3, writesLeft }, context) {
  const store = await openS3(s3, context)
  return {
    byteLength: store.byteLength,
    capabilities: store.capabilities,
    version: store.version,
    read: (offset, target, options) => store.read(offset, target, options),
    async write(offset, source, options) {
      await store.write(offset, source, options)
      if (Atomics.load(writesLeft, 0) > 0 && Atomics.sub(writesLeft, 0, 1) === 1) {
        process.exit(1)
      }
    },
    flush: () => store.flush(),
    discard: (offset, byteLength) => store.discard(offset, byteLength),
    close: () => store.close(),
  }
}

// Writes to a region over the file that it is given, and ends without closing it.

import { umap } from '@umap/core'
import { fileStore } from '@umap/store-file'

const [file, how] = process.argv.slice(2)
const region = await umap({
  store: { ...fileStore({ path: file }), nativeFd: true },
  access: 'read-write',
  pageBytes: 4096,
})
region.view(Uint8Array).fill(7)
if (how === 'exit') process.exit(0)

// Serves a file, and leaves without closing. Arguments: socket, file.
import { serve } from '@umap/server'
import { fileStore } from '@umap/store-file'

const [socket, path] = process.argv.slice(2)
await serve({ socket, datasets: { points: { store: fileStore({ path }) } } })
process.exit(3)

// The server of `server`: serves the data file as `data` until its input ends. Prints a line when
// clients may connect.
import { once } from 'node:events'
import { serve } from '@umap/server'
import { fileStore } from '@umap/store-file'
import { printFigures, startProgram } from './options.ts'

const { file, socket, pageBytes, bufferBytes } = startProgram()
const server = await serve({
  socket,
  buffer: { bytes: bufferBytes },
  datasets: { data: { store: fileStore({ path: file }), pageBytes } },
})
printFigures({})
process.stdin.resume()
await once(process.stdin, 'end')
await server.close()

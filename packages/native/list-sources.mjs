// Prints the C++ sources of the addon, one a line, for binding.gyp: a new file needs no entry. Of
// the files that end in a platform's name, only those of this one.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const otherPlatform = process.platform === 'darwin' ? 'linux' : 'darwin'

const engine = ['os', 'store', 'page', 'mapper', 'pipeline', 'engine']
// Server mode is for Linux.
const serverMode = process.platform === 'linux' ? ['wire', 'server', 'client'] : []

for (const layer of [...engine, ...serverMode, 'binding']) {
  const directory = join(root, 'src', layer)
  if (!existsSync(directory)) continue
  for (const file of readdirSync(directory).sort()) {
    if (file.endsWith('.cc') && !file.endsWith(`_${otherPlatform}.cc`)) {
      console.log(`src/${layer}/${file}`)
    }
  }
}

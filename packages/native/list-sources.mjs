// Prints the C++ sources of the addon, one a line, for binding.gyp: a new file needs no entry.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))

for (const layer of ['os', 'store', 'page', 'pipeline', 'engine', 'binding']) {
  const directory = join(root, 'src', layer)
  if (!existsSync(directory)) continue
  for (const file of readdirSync(directory).sort()) {
    if (file.endsWith('.cc')) console.log(`src/${layer}/${file}`)
  }
}

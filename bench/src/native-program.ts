// The C++ programs of ../native: built where they are stale, then one path to start.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const directory = join(import.meta.dirname, '../native')

/** Builds the programs, the engine's library and the addon; returns the binary's path. */
export function buildNativePrograms(): string {
  const headers = join(process.execPath, '../../include/node')
  const args = ['-C', directory, '-j2', 'all', 'addon', `NODE_HEADERS=${headers}`]
  const result = spawnSync('make', args, { encoding: 'utf8' })
  if (result.status !== 0) {
    const reason = result.error?.message ?? `${result.stdout}${result.stderr}`
    throw new Error(`the C++ benchmark programs do not compile:\n${reason}`)
  }
  return join(directory, 'build-cc/umap-bench')
}

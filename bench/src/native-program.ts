// The C++ programs of ../native: built where they are stale, then one path to start.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const directory = join(import.meta.dirname, '../native')

/** Builds the programs, and the engine's library with them; returns the binary's path. */
export function buildNativePrograms(): string {
  const result = spawnSync('make', ['-C', directory, '-j2'], { encoding: 'utf8' })
  if (result.status !== 0) {
    const reason = result.error?.message ?? `${result.stdout}${result.stderr}`
    throw new Error(`the C++ benchmark programs do not compile:\n${reason}`)
  }
  return join(directory, 'build-cc/umap-bench')
}

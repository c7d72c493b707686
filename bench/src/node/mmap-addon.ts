// The rival that npm has no working package for on this Node: the file mapped by the kernel into an
// ArrayBuffer, by the smallest addon that can do it (native/addon/mmap_addon.cc).
import { createRequire } from 'node:module'

interface MmapAddon {
  mapFile(path: string, byteLength: number, isRandom: boolean): ArrayBuffer
}

/** Where the benchmark's Makefile puts it. */
export const addonFile = '../../native/build-cc/mmap_addon.node'

/** Maps the first `byteLength` bytes read-only, without advice or with MADV_RANDOM. */
export function mapFile(
  path: string,
  byteLength: number,
  advice: 'normal' | 'random',
): ArrayBuffer {
  const addon = createRequire(import.meta.url)(addonFile) as MmapAddon
  return addon.mapFile(path, byteLength, advice === 'random')
}

// Counts what this process holds, as the kernel sees it.

import { readdirSync, readFileSync } from 'node:fs'

/** What `close()` must give back. */
export interface ProcessResources {
  readonly descriptors: number
  readonly threads: number
  readonly mappings: number
  readonly addressBytes: number
}

/** The resources of this process, now. */
export function processResources(): ProcessResources {
  const status = readFileSync('/proc/self/status', 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: field('Threads'),
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
    addressBytes: field('VmSize') * 1024,
  }
}

/**
 * Flags of every mapping of this process that holds pages of a region, from /proc/self/smaps: those
 * that have a userfaultfd, and those of the memory files that regions have without one.
 */
export function regionMappingFlags(): string[][] {
  const smaps = readFileSync('/proc/self/smaps', 'utf8')
  const mappings = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
  return mappings.flatMap((mapping) => {
    const flags = /^VmFlags: (.*)$/m.exec(mapping)?.[1]?.trim().split(' ') ?? []
    const isPages = mapping.split('\n', 1)[0]?.includes('/memfd:umap-pages') === true
    return isPages || flags.includes('um') || flags.includes('uw') ? [flags] : []
  })
}

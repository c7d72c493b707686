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

/** Flags of every mapping of this process that has a userfaultfd, from /proc/self/smaps. */
export function userfaultfdMappingFlags(): string[][] {
  const smaps = readFileSync('/proc/self/smaps', 'utf8')
  const flags = [...smaps.matchAll(/^VmFlags: (.*)$/gm)].map((match) => `${match[1]}`.trim())
  return flags
    .map((line) => line.split(' '))
    .filter((list) => list.includes('um') || list.includes('uw'))
}

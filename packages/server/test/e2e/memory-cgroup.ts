// A memory cgroup for processes of a test, in either version of cgroups.

import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { until } from './processes.ts'

/** A cgroup of our own. */
export interface MemoryCgroup {
  /** A process that writes its id here is in it, with the children that it has from then on. */
  readonly procs: string
  readonly limit: (bytes: number) => void
  readonly usedBytes: () => number
}

const versions = [
  { root: '/sys/fs/cgroup/memory', max: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes' },
  { root: '/sys/fs/cgroup', max: 'memory.max', used: 'memory.current' },
]

/** Makes one for the test that runs; a string says why there is none to be had. */
export function makeMemoryCgroup(name: string): MemoryCgroup | string {
  for (const { root, max, used } of versions) {
    const directory = path.join(root, `umap-${name}-${process.pid}`)
    try {
      mkdirSync(directory)
    } catch {
      continue
    }
    onTestFinished(async () => {
      const procs = path.join(directory, 'cgroup.procs')
      await until(
        () => readFileSync(procs, 'utf8') === '',
        () => `${procs} is not empty`,
      )
      rmdirSync(directory)
    })
    if (!existsSync(path.join(directory, max))) continue
    return {
      procs: path.join(directory, 'cgroup.procs'),
      limit: (bytes) => writeFileSync(path.join(directory, max), String(bytes)),
      usedBytes: () => Number(readFileSync(path.join(directory, used), 'utf8')),
    }
  }
  return 'no memory cgroup can be made here'
}

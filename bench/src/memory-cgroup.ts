// Memory cgroups, version 1 or 2: a rival whose memory the kernel manages gets as much of it as our
// buffer has. Needs the right to make groups, in practice root; without it there is no group, and
// the rows say so.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Where groups can be made, the best place first. */
export interface CgroupPlaces {
  readonly version: 1 | 2
  readonly directories: readonly string[]
}

/** A group that limits the memory of the processes that enter it. */
export class MemoryCgroup {
  /** The file that a process writes its number to. */
  readonly procs: string
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
    this.procs = join(directory, 'cgroup.procs')
  }

  /** Makes a group, or returns undefined where that is not allowed. */
  static make(places: CgroupPlaces | undefined, name: string, bytes: number) {
    for (const parent of places?.directories ?? []) {
      const directory = join(parent, name)
      try {
        mkdirSync(directory)
      } catch {
        continue
      }
      const group = new MemoryCgroup(directory)
      try {
        writeFileSync(join(directory, limitFiles[places?.version ?? 2]), String(bytes))
        return group
      } catch {
        // The memory controller is not enabled here, but may be further up.
        group.remove()
      }
    }
    return undefined
  }

  /** REQUIRES: the processes in it have ended. */
  remove(): void {
    try {
      rmdirSync(this.#directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

const limitFiles = { 1: 'memory.limit_in_bytes', 2: 'memory.max' } as const

/** Reads from /proc where this process may make memory cgroups; undefined where there are none. */
export function findCgroupPlaces(): CgroupPlaces | undefined {
  try {
    return parseCgroupPlaces(
      readFileSync('/proc/self/mountinfo', 'utf8'),
      readFileSync('/proc/self/cgroup', 'utf8'),
    )
  } catch {
    return undefined
  }
}

/**
 * The same from the text of /proc/self/mountinfo and /proc/self/cgroup. A group of version 2 that
 * holds processes has no limited children, so its parents are places too.
 */
export function parseCgroupPlaces(mountInfo: string, selfCgroup: string): CgroupPlaces | undefined {
  const mounts = mountInfo.split('\n').flatMap(parseMount)
  const groups = selfCgroup.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
  for (const version of [1, 2] as const) {
    const mount = mounts.find((candidate) => candidate.version === version)
    const group = groups.find((match) => {
      const controllers = match?.[1] ?? '-'
      return version === 1 ? controllers.split(',').includes('memory') : controllers === ''
    })?.[2]
    if (mount === undefined || group === undefined) continue
    const directories = [join(mount.directory, group).replace(/\/$/, '')]
    for (let directory = directories[0] ?? ''; directory.length > mount.directory.length; ) {
      directory = dirname(directory)
      directories.push(directory)
    }
    return { version, directories }
  }
  return undefined
}

function parseMount(line: string): { version: 1 | 2; directory: string }[] {
  const [fields = '', type = ''] = line.split(' - ')
  const directory = fields.split(' ')[4]
  const [fileSystem, , options = ''] = type.split(' ')
  if (directory === undefined) return []
  if (fileSystem === 'cgroup2') return [{ version: 2, directory }]
  if (fileSystem === 'cgroup' && options.split(',').includes('memory')) {
    return [{ version: 1, directory }]
  }
  return []
}

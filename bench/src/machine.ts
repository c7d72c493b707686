// What a report has to say of the machine, so that its figures mean something.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { resolve } from 'node:path'

/** A machine, and what ran on it. */
export interface Machine {
  readonly cpuCount: number
  readonly cpuModel: string
  readonly memoryGibibytes: number
  readonly kernel: string
  /** Where the files of the benchmark lie. */
  readonly fileSystem: string
  readonly node: string
  /** Of the sources; empty where it is not known. */
  readonly commit: string
  /** Average of a minute, just before. */
  readonly load: number
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const git = spawnSync('git', ['-C', import.meta.dirname, 'rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
  })
  return {
    cpuCount: cpus().length,
    cpuModel: cpus()[0]?.model.trim() ?? '',
    memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    fileSystem: findFileSystem(resolve(tmpdir())),
    node: process.version,
    commit: git.status === 0 ? git.stdout.trim() : '',
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

/** One line for a person. */
export function machineText(machine: Machine): string {
  const { cpuCount, cpuModel, memoryGibibytes, kernel, fileSystem, node, load } = machine
  const cpu = cpuModel === '' ? 'CPUs' : `CPUs (${cpuModel})`
  return (
    `${cpuCount} ${cpu}, ${memoryGibibytes} GiB of memory, files on ${fileSystem}, ` +
    `${kernel}, Node ${node.slice(1)}, load ${load} before`
  )
}

/** The type and the device of the mount that holds `path`, from /proc/self/mountinfo. */
function findFileSystem(path: string): string {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [fields = '', type = ''] = line.split(' - ')
      const point = fields.split(' ')[4]
      const [fileSystem, device] = type.split(' ')
      const holds = point !== undefined && (`${path}/`.startsWith(`${point}/`) || point === '/')
      return holds ? [{ point, text: `${fileSystem} (${device})` }] : []
    })
  const [closest] = mounts.toSorted((a, b) => b.point.length - a.point.length)
  return closest?.text ?? 'an unknown file system'
}

// The command line of the measured programs under Node, and their first and last act: to enter
// their memory cgroup, and to print one line of JSON.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** What a program is told; sizes in bytes. */
export interface NodeProgramOptions {
  readonly file: string
  readonly memory: 'region' | 'read-sync'
  readonly fileBytes: number
  readonly bufferBytes: number
  readonly pageBytes: number
  readonly milliseconds: number
  readonly sum: number
  readonly direct: boolean
}

/** Reads the command line, and enters the cgroup that it names. */
export function startProgram(): NodeProgramOptions {
  const text = { type: 'string', default: '0' } as const
  const { values } = parseArgs({
    options: {
      file: { type: 'string' },
      memory: { type: 'string', default: 'region' },
      'file-bytes': text,
      'buffer-bytes': text,
      'page-bytes': text,
      milliseconds: text,
      sum: text,
      direct: { type: 'boolean', default: false },
      cgroup: { type: 'string' },
    },
  })
  if (values.file === undefined) throw new TypeError('--file is missing')
  if (values.memory !== 'region' && values.memory !== 'read-sync') {
    throw new TypeError(`no memory is named ${values.memory}`)
  }
  if (values.cgroup !== undefined) writeFileSync(values.cgroup, String(process.pid))
  return {
    file: values.file,
    memory: values.memory,
    fileBytes: Number(values['file-bytes']),
    bufferBytes: Number(values['buffer-bytes']),
    pageBytes: Number(values['page-bytes']),
    milliseconds: Number(values.milliseconds),
    sum: Number(values.sum),
    direct: values.direct,
  }
}

/** Prints the figures of a run. */
export function printFigures(figures: Record<string, number>): void {
  console.log(JSON.stringify(figures))
}

/** The seconds since a moment of `performance.now()`. */
export function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000
}

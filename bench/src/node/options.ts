// The command line of the measured programs under Node, and their first and last act: to enter
// their memory cgroup, and to print one line of JSON.
import { writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const text = { type: 'string', default: '' } as const
const number = { type: 'string', default: '0' } as const

/** What a program is told; sizes in bytes. Each program knows which of them it uses. */
export type NodeProgramOptions = ReturnType<typeof startProgram>

/** Reads the command line, and enters the cgroup that it names. */
export function startProgram() {
  const { values } = parseArgs({
    options: {
      file: text,
      memory: { type: 'string', default: 'region' },
      faults: { type: 'string', default: 'auto' },
      'file-bytes': number,
      'buffer-bytes': number,
      'page-bytes': number,
      milliseconds: number,
      touches: number,
      sum: number,
      threads: number,
      seed: number,
      'start-at': number,
      socket: text,
      direct: { type: 'boolean', default: false },
      endpoint: text,
      bucket: text,
      key: text,
      cgroup: text,
    },
  })
  if (values.cgroup !== '') writeFileSync(values.cgroup, String(process.pid))
  const { file, memory, faults, direct, endpoint, bucket, key } = values
  return {
    file,
    /** What stands behind the touched bytes: `region`, or a rival that the program names. */
    memory,
    faults: faults as 'auto' | 'userfaultfd' | 'signal' | 'in-thread',
    fileBytes: Number(values['file-bytes']),
    bufferBytes: Number(values['buffer-bytes']),
    pageBytes: Number(values['page-bytes']),
    milliseconds: Number(values.milliseconds),
    touches: Number(values.touches),
    sum: Number(values.sum),
    threads: Number(values.threads),
    seed: Number(values.seed),
    /** A moment of `Date.now()`. */
    startAt: Number(values['start-at']),
    socket: values.socket,
    direct,
    endpoint,
    bucket,
    key,
  }
}

/** Runs what `memory` names, or throws for a name that the program does not know. */
export function chooseMemory<Result>(
  { memory }: NodeProgramOptions,
  choices: Readonly<Record<string, () => Result>>,
): Result {
  const choice = choices[memory]
  if (choice === undefined) throw new TypeError(`no memory is named ${memory}`)
  return choice()
}

/** Resolves at a moment of `Date.now()`, so that several processes or threads go on together. */
export async function waitUntil(moment: number): Promise<void> {
  await setTimeout(Math.max(0, moment - Date.now()))
}

/** Prints the figures of a run. */
export function printFigures(figures: Record<string, number>): void {
  console.log(JSON.stringify(figures))
}

/** The seconds since a moment of `performance.now()`. */
export function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000
}

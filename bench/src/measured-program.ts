// Starts one measured program, a process of its own, and reads the line of JSON that it prints. A
// program that fails, for a wrong byte say, fails the whole benchmark.
import { execFile } from 'node:child_process'

/** What to start. */
export interface MeasuredProgram {
  readonly file: string
  readonly args: readonly string[]
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly signal: AbortSignal
}

// A run takes seconds; only a hang takes minutes.
const timeoutMs = 180_000

/** Runs the program to its end; resolves to what it printed. */
export async function runProgram({
  file,
  args,
  env,
  signal,
}: MeasuredProgram): Promise<Record<string, unknown>> {
  signal.throwIfAborted()
  const options = {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    signal,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  } as const
  const output = await new Promise<string>((resolve, reject) => {
    execFile(file, [...args], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout)
      } else if (signal.aborted) {
        reject(signal.reason)
      } else {
        const how = error.killed === true ? 'hung' : `ended with ${error.signal ?? error.code}`
        reject(new Error(`${[file, ...args].join(' ')} ${how}: ${stderr.trim()}`))
      }
    })
  })
  return JSON.parse(output)
}

// `npm run demo`: sorts a file that is eight times larger than its page buffer, asks a public data
// set two questions, and prints what the engine did for it. Takes less than a minute.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runFlightsTask } from './flights-task.ts'
import { formatReports } from './mapping-report.ts'
import { Progress } from './progress.ts'
import { ScratchDirectory } from './scratch-directory.ts'
import { runSortTask } from './sort-task.ts'

const usage = `usage: npm run demo -- [--mebibytes N] [--seed N]
  --mebibytes N  size of the file to sort, 1 to 4096 (default 1024); its buffer is an eighth
  --seed N       of the random keys (default 1)`

interface DemoOptions {
  readonly mebibytes: number
  readonly seed: number
}

function parseOptions(args: string[]): DemoOptions {
  const { values } = parseArgs({
    args,
    options: {
      mebibytes: { type: 'string', default: '1024' },
      seed: { type: 'string', default: '1' },
    },
  })
  return {
    mebibytes: parseInteger('--mebibytes', values.mebibytes, 1, 4096),
    seed: parseInteger('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
  }
}

function parseInteger(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new RangeError(`${name} is an integer from ${min} to ${max}, not ${text}`)
}

/** Aborts at the first signal, so that everything is cleaned up; ends the process at the second. */
function abortOnSignals(): AbortController {
  const controller = new AbortController()
  for (const [name, exitCode] of [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(exitCode)
      process.exitCode = exitCode
      controller.abort(new Error(`interrupted by ${name}`))
    })
  }
  return controller
}

async function runDemo({ mebibytes, seed }: DemoOptions): Promise<void> {
  const { signal } = abortOnSignals()
  const progress = new Progress(process.stdout)
  const fileBytes = mebibytes * 2 ** 20
  const startedMs = performance.now()
  try {
    await using scratch = await ScratchDirectory.make(fileBytes + 64 * 2 ** 20)
    if (scratch.isInMemory) console.log(`${scratch.path} is in memory (tmpfs), not on a disk`)
    const path = join(scratch.path, 'records')
    const run = { progress, signal }
    const sorted = await runSortTask(run, { path, fileBytes, bufferBytes: fileBytes / 8, seed })
    const answered = await runFlightsTask(run)
    console.log(`\n${formatReports([...sorted, ...answered])}`)
    console.log(`\nall of it in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  } finally {
    progress.clear()
  }
}

function parseOptionsOrExit(): DemoOptions {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`umap demo: ${messageOf(error)}\n${usage}`)
    process.exit(2)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

try {
  await runDemo(parseOptionsOrExit())
} catch (error) {
  console.error(`umap demo: ${messageOf(error)}`)
  process.exitCode ||= 1
}

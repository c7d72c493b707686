// A machine with other work to do: one process that spins on each processor, at the lowest
// priority, so that no processor halts while the measured program waits.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, setPriority } from 'node:os'

const lowestPriority = 19

// Looks now and then whether the benchmark is still there, which may be killed.
const spin = `
  const parent = process.ppid
  while (process.ppid === parent) for (let count = 0; count < 1e8; count++);
`

/** Runs `work` while all processors are busy. */
export async function withBusyProcessors<Result>(work: () => Promise<Result>): Promise<Result> {
  const spinners = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['--eval', spin], { stdio: 'ignore' }),
  )
  const end = (): void => {
    for (const spinner of spinners) spinner.kill('SIGKILL')
  }
  process.on('exit', end)
  try {
    await Promise.all(spinners.map((spinner) => once(spinner, 'spawn')))
    for (const { pid } of spinners) setPriority(pid ?? 0, lowestPriority)
    return await work()
  } finally {
    const ended = spinners.map((spinner) => once(spinner, 'exit'))
    end()
    process.off('exit', end)
    await Promise.all(ended)
  }
}

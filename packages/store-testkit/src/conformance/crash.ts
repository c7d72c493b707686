// Starts the process of crash-program.ts, waits until it has killed itself, and says what it had
// flushed by then.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CrashPlan } from './crash-plan.ts'
import { fail, show } from './expect.ts'

/** How far the process came. */
export interface CrashOutcome {
  /** The last generation whose flush resolved. */
  readonly flushed: number
  /** The flush of the generation after it was started. */
  readonly isFlushing: boolean
  /** The version of the store when it was opened. */
  readonly version: string | undefined
}

/** Runs `plan` in a process that is dead when this resolves. */
export async function crash(plan: CrashPlan, timeoutMs: number): Promise<CrashOutcome> {
  const program = fileURLToPath(new URL('./crash-program.js', import.meta.url))
  // The flags of a test runner's process are not for this one.
  const child = fork(program, [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    const ended = once(child, 'close')
    await send(child, plan)
    const [code, signal] = await ended
    if (isLate) {
      fail(`the process that runs the store did not end within ${timeoutMs} ms: ${stdout}${stderr}`)
    }
    if (signal !== 'SIGKILL' && process.platform !== 'win32') {
      fail(`the store failed in its process (exit code ${code}):\n${stderr}`)
    }
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
  const flushes = [...stdout.matchAll(/^flushed (\d+)$/gm)].map((match) => Number(match[1]))
  const flushed = Math.max(0, ...flushes)
  const version = /^version (".*")$/m.exec(stdout)?.[1]
  return {
    flushed,
    version: version === undefined ? undefined : (JSON.parse(version) as string),
    isFlushing: /^flushing$/m.test(stdout) && flushed <= plan.flushCount,
  }
}

async function send(child: ReturnType<typeof fork>, plan: CrashPlan): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      child.send(plan, (error) => (error === null ? resolve() : reject(error)))
    })
  } catch (error) {
    fail(`the reference of the option ref cannot be sent to a process: ${show(error)}`, error)
  }
}

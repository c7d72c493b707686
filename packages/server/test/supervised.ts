// Supervised servers for tests: started with a configuration, killed when the test is over.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'

const program = fileURLToPath(new URL('./programs/supervise.mjs', import.meta.url))
const waitOptions = { timeout: 20_000, interval: 20 }

/** Restarts that a test can wait for. */
export const quickRestart = { deathsMax: 4, firstDelayMs: 10, delayMsMax: 40 }

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A supervisor, and the server processes that it starts. */
export class Supervised {
  readonly socket: string
  readonly ended: Promise<End>
  stdout = ''
  stderr = ''
  readonly #process: ChildProcess

  /** Starts it; `folder` gets the configuration and the socket. */
  constructor(folder: string, config: object) {
    this.socket = path.join(folder, 'umap.sock')
    const file = path.join(folder, 'umap.json')
    writeFileSync(file, JSON.stringify({ socket: 'umap.sock', ...config }))
    const args = [program, file, JSON.stringify(quickRestart)]
    this.#process = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => resolve({ code, signal }))
    })
    onTestFinished(() => this.#killAll())
  }

  get pid(): number {
    return this.#process.pid as number
  }

  /** Resolves to what it said when the socket listened; rejects when it ends before. */
  async listening(): Promise<{ socket: string; pid: number; metricsPort?: number }> {
    const end = this.ended.then((how) => {
      throw new Error(`it ended (${JSON.stringify(how)}): ${this.stderr}`)
    })
    await Promise.race([end, vi.waitFor(() => this.#saidReady(), waitOptions)])
    return JSON.parse(this.stdout.split('\n', 1)[0] ?? '')
  }

  /** Resolves once `text` is on standard error. */
  async says(text: string | RegExp): Promise<void> {
    await vi.waitFor(() => {
      if (this.stderr.search(text) < 0) throw new Error(`it says: ${this.stderr}`)
    }, waitOptions)
  }

  /** Process ids of the server processes that live. */
  servers(): number[] {
    return childrenOf(this.pid)
  }

  /** To the supervisor alone. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** To the whole group of processes, as a terminal does. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal)
  }

  #saidReady(): void {
    if (!this.stdout.includes('\n')) throw new Error(`not ready yet: ${this.stderr}`)
  }

  #killAll(): void {
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // All of the group have ended.
    }
  }
}

/** Children of a process that is there; none of one that is not. */
export function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** What the descriptors of a process lead to. */
export function descriptorsOf(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // The one of the listing itself.
      return []
    }
  })
}

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitFor(() => {
    if (!condition()) throw new Error(`still not: ${what}`)
  }, waitOptions)
}

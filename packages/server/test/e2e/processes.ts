// Processes of the tests in this directory: started, watched by what they print, and gone when the
// test is, whatever became of it.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** A process that runs, with what it has printed so far. */
export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** Standard output and error, in the order in which they came. */
  readonly text: () => string
  /** Resolves with the match when the output matches; rejects when it ends without. */
  readonly prints: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Resolves with how it ended, when all of its output is there. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts a program; it is killed at the end of the test if it lives still. */
export function start(command: string, args: string[], options: SpawnOptions = {}): Running {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
  let text = ''
  let hasEnded = false
  const waiting = new Set<() => void>()
  const tell = (piece: string) => {
    text += piece
    for (const look of [...waiting]) look()
  }
  child.stdin?.on('error', () => undefined)
  child.stdout?.setEncoding('utf8').on('data', tell)
  child.stderr?.setEncoding('utf8').on('data', tell)
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', (error) => tell(`${error}\n`))
    child.once('close', (code, signal) => {
      hasEnded = true
      resolve({ code, signal })
      tell('')
    })
  })
  const prints = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(text)
        if (match === null && !hasEnded) return
        waiting.delete(look)
        if (match !== null) resolve(match)
        else reject(new Error(`${args.join(' ')} ended without printing ${pattern}:\n${text}`))
      }
      waiting.add(look)
      look()
    })
  onTestFinished(async () => {
    if (hasEnded) return
    child.kill('SIGKILL')
    await ended
  })
  return { child, pid: child.pid ?? 0, text: () => text, prints, ended }
}

/** Starts a Node program. */
export function startNode(file: string, args: string[], options?: SpawnOptions): Running {
  return start(process.execPath, [file, ...args], options)
}

/** The path of a program of this directory. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url))
}

/** A directory that is gone when the test is. Short, since paths of sockets are. */
export async function makeDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(path.join(tmpdir(), 'umap-e2e-')))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** The children of a process, those included that have ended and were not waited for. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => statusField(Number(name), 'PPid') === String(pid))
    .map(Number)
}

/** A field of /proc/PID/status; undefined where there is no such process, or PID/task/TID. */
export function statusField(pid: number | string, field: string): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return new RegExp(`^${field}:\\s+(\\S+)`, 'm').exec(status)?.[1]
  } catch {
    return undefined
  }
}

/** What the descriptors of a process lead to. */
export function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

/** Resolves when `look` is true, and rejects when it is not for too long, with what `tell` says. */
export async function until(look: () => boolean, tell: () => string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!look()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${tell()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

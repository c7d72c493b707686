// Runs `umap serve` and `umap stat` for tests, side by side.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { type Ended, mainPath } from './run-umap.ts'

/** A folder with a data set of 1 MiB and a configuration that serves it as 'points'. */
export function makeConfig(more: object = {}): { folder: string; file: string; socket: string } {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'umap-cli-serve-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const data = path.join(folder, 'data')
  writeFileSync(data, Buffer.alloc(2 ** 20, 7))
  const store = { module: '@umap/store-file', options: { path: data } }
  const config = { socket: 'umap.sock', datasets: { points: { store } }, ...more }
  const file = path.join(folder, 'umap.json')
  writeFileSync(file, JSON.stringify(config))
  return { folder, file, socket: path.join(folder, 'umap.sock') }
}

/** A command that runs until it is told to end. */
export class RunningUmap {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, [mainPath, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code) => {
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
    // A server ends by itself when its supervisor does.
    onTestFinished(() => void this.#child.kill('SIGKILL'))
  }

  /** Resolves once standard output has `pattern`. */
  async prints(pattern: RegExp): Promise<void> {
    const look = () => {
      if (!pattern.test(this.#stdout)) throw new Error(`not ${pattern}: ${this.#stderr}`)
    }
    await vi.waitFor(look, { timeout: 20_000, interval: 20 })
  }

  /** Tells it to end, and resolves when it has. */
  end(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal)
    return this.ended
  }
}

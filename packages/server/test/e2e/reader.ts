// A client process that is told line by line what to do: see programs/reader.mjs.

import { programPath, type Running, start } from './processes.ts'

/** How to start one. */
export interface ReaderOptions {
  readonly access?: 'read-only' | 'read-write'
  readonly serverTimeoutMs?: number
  /** A library to load first. */
  readonly preload?: string
  /** A user other than that of this process. */
  readonly uid?: number
}

/** A client that has mapped a data set. */
export class Reader {
  readonly running: Running
  #asked = 0

  constructor(socket: string, name: string, options: ReaderOptions = {}) {
    const { access = 'read-only', serverTimeoutMs = 60_000, preload, uid } = options
    const args = [programPath('programs/reader.mjs'), socket, name, access, `${serverTimeoutMs}`]
    this.running = start(process.execPath, args, {
      env: { ...process.env, ...(preload !== undefined && { LD_PRELOAD: preload }) },
      ...(uid !== undefined && { uid, gid: uid }),
    })
  }

  /** Resolves when it has mapped the data set. */
  async mapped(): Promise<this> {
    await this.running.prints(/^mapped$/m)
    return this
  }

  /** Tells it, without waiting for the answer. */
  tell(command: string): void {
    this.running.child.stdin?.write(`${command}\n`)
    this.#asked += 1
  }

  /** Tells it, and resolves with what it answered. */
  async ask(command: string): Promise<string> {
    this.tell(command)
    return this.answer()
  }

  /** The answer to the last command. */
  async answer(): Promise<string> {
    await this.running.prints(new RegExp(`(?:^= .*\\n[^]*?){${this.#asked}}`, 'm'))
    const answers = [...this.running.text().matchAll(/^= (.*)$/gm)]
    return answers[this.#asked - 1]?.[1] as string
  }
}

// Gives the tests of one vitest run their S3 server: listens on a port, boots the server when the
// first test asks, and ends it with the run. Runs in vitest's main process; the guardian it starts
// sees the end of its stdin even if that process is killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The environment variable that tells tests the port to ask at. */
export const controlVariable = 'UMAP_TEST_S3_CONTROL'

interface Request {
  readonly command: 'server' | 'start' | 'stop'
  readonly port?: number
}

type Answer = { readonly id?: number; readonly error?: string } & Record<string, unknown>

/** Called by vitest before the first test; what it returns, after the last. */
export async function setup(): Promise<() => Promise<void>> {
  const guardian = new Guardian()
  const control = createServer((socket) => serve(socket, guardian))
  // A port, not a path: nothing of it is left behind, however this process ends.
  control.listen(0, '127.0.0.1')
  await once(control, 'listening')
  // The tests' own end decides when vitest ends, not this socket.
  control.unref()
  process.env[controlVariable] = String((control.address() as AddressInfo).port)
  return async () => {
    control.close()
    await guardian.end()
    if (guardian.whyNot !== undefined) {
      sayLoudly(guardian.whyNot)
    }
  }
}

function serve(socket: Socket, guardian: Guardian): void {
  socket.on('error', () => socket.destroy())
  createInterface({ input: socket }).on('line', async (line) => {
    const answer = await guardian.ask(JSON.parse(line) as Request)
    socket.end(`${JSON.stringify(answer)}\n`)
  })
}

function sayLoudly(why: string): void {
  const line = '!'.repeat(80)
  process.stderr.write(
    `\n${line}\n!! NOT RUN: the tests against a real S3 server.\n!! ${why}\n` +
      '!! Install ceph-mon, ceph-osd and radosgw (Debian, Ubuntu), or name a server with\n' +
      `!! UMAP_TEST_S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n${line}\n`,
  )
}

/** The guardian process, started with the first question. */
class Guardian {
  /** Why there is no server, once one was asked for. */
  whyNot: string | undefined
  readonly #answers = new Map<number, (answer: Answer) => void>()
  #process: ChildProcess | undefined
  #booted: Promise<Answer> | undefined
  #nextId = 1

  async ask({ command, port }: Request): Promise<Answer> {
    const external = externalServer()
    if (external !== undefined) {
      return command === 'server' ? external : { error: 'not a server of this run' }
    }
    this.#booted ??= this.#boot()
    const booted = await this.#booted
    if (command === 'server' || booted.error !== undefined) {
      return booted
    }
    const id = this.#nextId++
    this.#process?.stdin?.write(`${JSON.stringify({ id, command, port })}\n`)
    return this.#answer(id)
  }

  async end(): Promise<void> {
    const guardian = this.#process
    if (guardian !== undefined && guardian.exitCode === null && guardian.signalCode === null) {
      const exited = once(guardian, 'exit')
      guardian.stdin?.end()
      await exited
    }
  }

  async #boot(): Promise<Answer> {
    const script = fileURLToPath(new URL('guardian.mjs', import.meta.url))
    // In a process group of its own: a terminal's SIGINT would end it before the tests end.
    const guardian = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    })
    this.#process = guardian
    guardian.stdin.on('error', () => {})
    createInterface({ input: guardian.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer
      this.#answers.get(answer.id ?? -1)?.(answer)
    })
    guardian.once('exit', () => {
      for (const answer of this.#answers.values()) {
        answer({ error: 'the S3 server of this run has ended' })
      }
    })
    const booted = await this.#answer(0)
    this.whyNot = booted.error
    return booted
  }

  #answer(id: number): Promise<Answer> {
    return new Promise((resolve) => {
      this.#answers.set(id, (answer) => {
        this.#answers.delete(id)
        resolve(answer)
      })
    })
  }
}

function externalServer(): Answer | undefined {
  const { UMAP_TEST_S3_ENDPOINT: endpoint } = process.env
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env
  return endpoint === undefined ? undefined : { endpoint, accessKeyId, secretAccessKey }
}

// Runs stores in a process of their own. Called by the supervisor, which maps nothing, so that
// starting it waits for no fault. The kernel ends that process when the supervisor's thread ends.

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type HostLinkId, loadNative, type NativeBinding, NativeError } from '@umap/native'
import { processExitReason } from './death-reason.ts'
import { type HostRequest, type ProcessReply, processLinkFd } from './messages.ts'
import type { RunnerEvents, StoreRunner } from './store-runner.ts'
import { semiSpaceMb } from './young-generation.ts'

const stderrFd = 2
/** How long a process whose channel is closed gets to say how it ended. */
const exitStatusMs = 100

/** Starts the process, with the given Node flags. */
export function startProcessRunner(execArgv: readonly string[], events: RunnerEvents): StoreRunner {
  return new ProcessRunner(loadNative(), execArgv, events)
}

class ProcessRunner implements StoreRunner {
  readonly #native: NativeBinding
  readonly #link: HostLinkId
  readonly #child: ChildProcess
  readonly #events: RunnerEvents
  #reason: string | undefined
  #isDead = false

  constructor(native: NativeBinding, execArgv: readonly string[], events: RunnerEvents) {
    this.#native = native
    this.#events = events
    this.#link = native.hostLinkCreate()
    this.#child = startChild(execArgv, native.hostLinkChildFd(this.#link))
    native.hostLinkStarted(this.#link)
    this.#child.on('message', (message: ProcessReply) => this.#receive(message))
    this.#child.on('error', (error) => this.#died(`it cannot be started: ${error.message}`))
    this.#child.on('exit', (code, signal) => this.#died(processExitReason(code, signal)))
    // The signal that tells of a child's end may wait at a thread that is blocked in a fault inside
    // a system call, and only the next process can answer that fault.
    this.#child.on('disconnect', () => {
      setTimeout(() => this.#died(processExitReason(null, null)), exitStatusMs)
    })
  }

  post(request: HostRequest): void {
    if (this.#isDead || !this.#linked(request)) {
      return
    }
    // An error means that the process is dead, which its other events tell.
    this.#child.send(request, () => undefined)
  }

  // False: there is nothing to pass on.
  #linked(request: HostRequest): boolean {
    if (request.type === 'unserve') {
      this.#native.hostLinkUnserve(this.#link, request.hostId)
    } else if (request.type === 'serve') {
      try {
        this.#native.hostLinkServe(this.#link, request.hostId)
      } catch (error) {
        if (!(error instanceof NativeError)) {
          throw error
        }
        // Closed meanwhile: 'unserve' is on its way. Or this process has no descriptors left; then
        // the calls fail when nobody has served them for long enough.
        return false
      }
    }
    return true
  }

  #receive(message: ProcessReply): void {
    if (message.type === 'died') {
      this.#reason = message.reason
    } else {
      this.#events.onReply(message)
    }
  }

  #died(reason: string): void {
    if (this.#isDead) {
      return
    }
    this.#isDead = true
    // Without its link it ends, if it has not ended.
    this.#native.hostLinkClose(this.#link)
    this.#events.onDeath(this.#reason ?? reason)
  }
}

// Its standard output goes to our standard error: what a store prints is no output of the program.
function startChild(execArgv: readonly string[], linkFd: number): ChildProcess {
  const stdio: (number | 'ignore' | 'ipc')[] = ['ignore', stderrFd, stderrFd, 'ipc']
  stdio[processLinkFd] = linkFd
  return fork(fileURLToPath(new URL('./store-process.js', import.meta.url)), [], {
    execArgv: [`--max-semi-space-size=${semiSpaceMb}`, ...execArgv],
    serialization: 'advanced',
    stdio,
  })
}

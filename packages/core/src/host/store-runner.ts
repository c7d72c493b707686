// What runs the stores, as the supervisor sees it, whether it is a thread or a process. Types only.

import type { HostReply, HostRequest } from './messages.ts'

/** One life of what runs the stores. */
export interface StoreRunner {
  /** Passes a request on. To one that is dead, it is lost. */
  post(request: HostRequest): void
}

/** What a runner tells the supervisor. */
export interface RunnerEvents {
  onReply(reply: HostReply): void
  /** Called once; nothing of this runner serves any host any more. */
  onDeath(reason: string): void
}

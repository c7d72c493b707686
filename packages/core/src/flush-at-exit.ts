// Flushes regions that are still open when their thread has nothing left to do. The engine writes
// native stores back by itself when the process exits; a JavaScript store needs a running event
// loop, which `process.exit` does not leave: the engine names what is lost then. A signal that kills
// leaves time for neither.

import { reportLine } from './host/direct-output.ts'

/** What has to be flushed: a region. */
interface Flushable {
  stats(): { readonly dirtyBytes: number }
  flush(): Promise<void>
}

/** Open regions, and what to call their stores in messages. */
const open = new Map<Flushable, string>()
let isListening = false

/** Has `region` flushed when the event loop of this thread runs empty. */
export function flushAtExit(region: Flushable, label: string): void {
  open.set(region, label)
  if (!isListening) {
    isListening = true
    process.on('beforeExit', flushDirty)
  }
}

/** To be called when `region` is closed. */
export function forgetAtExit(region: Flushable): void {
  open.delete(region)
}

// Called again and again for as long as it starts something, so a failure is not repeated.
function flushDirty(): void {
  for (const [region, label] of open) {
    if (region.stats().dirtyBytes > 0) {
      region.flush().catch((error) => {
        open.delete(region)
        reportLine(`changes to ${label} are lost at exit: ${error.message}`)
      })
    }
  }
}

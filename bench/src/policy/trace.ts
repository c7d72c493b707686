// A trace is a list of page accesses; builders in traces.ts and program-traces.ts make them.
// Repeated touches of one page in a row are one access: they cost nothing under any policy.

/** What an access does; a scan access is a read by the thread that readers are protected from. */
export const AccessKind = { read: 0, write: 1, scan: 2, readAhead: 3 } as const

/** Page accesses in order. */
export interface Trace {
  name: string
  pageCount: number
  pages: Uint32Array
  kinds: Uint8Array
  /** Accesses at the start that are played but not counted. */
  warmUpCount: number
}

/** Collects the accesses of a trace. */
export class TraceBuilder {
  private readonly pages: number[] = []
  private readonly kinds: number[] = []

  /** Accesses so far. */
  get length(): number {
    return this.pages.length
  }

  /** Appends an access, unless it repeats the last one. */
  add(page: number, kind: number = AccessKind.read): void {
    const last = this.pages.length - 1
    if (this.pages[last] === page && this.kinds[last] === kind) return
    this.pages.push(page)
    this.kinds.push(kind)
  }

  /** Ends the trace; `warmUpShare` of it is not counted. */
  build(name: string, pageCount: number, warmUpShare: number): Trace {
    return {
      name,
      pageCount,
      pages: Uint32Array.from(this.pages),
      kinds: Uint8Array.from(this.kinds),
      warmUpCount: Math.floor(this.pages.length * warmUpShare),
    }
  }
}

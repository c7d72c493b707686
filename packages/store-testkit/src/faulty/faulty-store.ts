// A store in front of another one that makes faults: the calls that it lets through are the inner
// store's, unchanged. Runs where stores run; its switches may be used by any thread.

import {
  type PageStore,
  type ReadResult,
  type StoreCallOptions,
  type StoreCapabilities,
  StoreError,
  storeErrorCodes,
} from '@umap/store'
import { hashWords } from '../random.ts'
import { decideFaults, type FaultDecision } from './decide-faults.ts'
import type { FaultControl } from './fault-control.ts'
import type { CheckedFaultOptions, FaultKind, FaultyCall } from './fault-options.ts'
import { sectorBytes, UnflushedWrites } from './unflushed-writes.ts'

/** What one call does, for the faults that stop it half way. */
interface CallPlan<T> {
  readonly call: FaultyCall
  readonly offset: number
  readonly byteLength: number
  /** The whole call. */
  run(): Promise<T> | T
  /** A part of it, `from` and `to` counted from its beginning. */
  runPart?(from: number, to: number): Promise<unknown>
}

const hangPollMs = 2

/** An open store with faults; see `faultyStore`. */
export class FaultyStore implements PageStore {
  readonly byteLength: number
  readonly capabilities: StoreCapabilities
  readonly write?: NonNullable<PageStore['write']>
  readonly discard?: NonNullable<PageStore['discard']>
  readonly #inner: PageStore
  readonly #options: CheckedFaultOptions
  readonly #control: FaultControl
  readonly #unflushed: UnflushedWrites | undefined
  readonly #inFlight = new Set<Promise<unknown>>()
  /** The crashes that this store has not lived through. */
  readonly #crashes: number
  #flushed: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** Takes over `inner`, which `close` closes. */
  constructor(inner: PageStore, options: CheckedFaultOptions, control: FaultControl) {
    this.#inner = inner
    this.#options = options
    this.#control = control
    this.#crashes = control.crashes
    this.#unflushed = options.volatile ? new UnflushedWrites(inner) : undefined
    this.byteLength = inner.byteLength
    // The engine's own I/O on a descriptor would meet no faults.
    const { nativeFd: _fd, nativeDirect: _direct, ...capabilities } = inner.capabilities
    this.capabilities = Object.freeze(capabilities)
    // Functions that the inner store has not are left out here too, for the engine asks for them.
    if (inner.write !== undefined) {
      this.write = (offset, source, options) => this.#write(offset, source, options)
    }
    if (inner.discard !== undefined) {
      this.discard = (offset, byteLength) => this.#discard(offset, byteLength)
    }
  }

  get version(): string | undefined {
    return this.#inner.version
  }

  /** The switches and the report. */
  get control(): FaultControl {
    return this.#control
  }

  read(offset: number, target: Uint8Array, options: StoreCallOptions): ReadResult {
    const read = (from: number, to: number): Promise<void | 'hole'> | ReadResult => {
      const part = target.subarray(from, to)
      return this.#unflushed === undefined
        ? this.#inner.read(offset + from, part, options)
        : this.#unflushed.read(offset + from, part, options.signal)
    }
    const { byteLength } = target
    return this.#run({
      call: 'read',
      offset,
      byteLength,
      run: () => read(0, byteLength),
      runPart: async (from, to) => read(from, to),
    })
  }

  /** Flushes, one after the other, as they were called. */
  flush(): Promise<void> {
    return this.#run({
      call: 'flush',
      offset: 0,
      byteLength: 0,
      run: () => {
        const flushed = this.#flushed.then(() => (this.#unflushed ?? this.#inner).flush?.())
        this.#flushed = flushed.catch(() => undefined)
        return flushed
      },
    })
  }

  /** Closes the inner store once all calls have settled: those that hang have to be released. */
  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  #write(offset: number, source: Uint8Array, options: StoreCallOptions): Promise<void> {
    const write = async (from: number, to: number): Promise<void> => {
      const part = source.subarray(from, to)
      await (this.#unflushed === undefined
        ? this.#inner.write?.(offset + from, part, options)
        : this.#unflushed.write(offset + from, part))
    }
    const { byteLength } = source
    return this.#run({
      call: 'write',
      offset,
      byteLength,
      run: () => write(0, byteLength),
      runPart: write,
    })
  }

  #discard(offset: number, byteLength: number): Promise<void> {
    return this.#run({
      call: 'discard',
      offset,
      byteLength,
      run: async () => (this.#unflushed ?? this.#inner).discard?.(offset, byteLength),
    })
  }

  #run<T>(plan: CallPlan<T>): Promise<T> {
    const running = this.#meetFaults(plan)
    this.#inFlight.add(running)
    const done = () => this.#inFlight.delete(running)
    running.then(done, done)
    return running
  }

  async #meetFaults<T>(plan: CallPlan<T>): Promise<T> {
    // 1. Refuse what no store takes, and count the rest.
    this.#checkCall(plan)
    const number = this.#control.countCall(plan.call)
    if (this.#control.isPaused) {
      return await plan.run()
    }
    const decision = decideFaults(this.#options, plan.call, number)
    const note = (fault: FaultKind, amount: number) =>
      this.#control.note({ ...plan, number, fault, amount })
    // 2. Take time.
    if (decision.delayMs > 0) {
      note('delay', decision.delayMs)
      await new Promise((resolve) => setTimeout(resolve, decision.delayMs))
    }
    if (decision.fault === 'hang') {
      note('hang', 0)
      await this.#hang()
    }
    this.#refuseWhenCrashed()
    // 3. Fail, wholly or half way.
    switch (decision.fault) {
      case 'error':
        note('error', 0)
        throw failure(plan, number, decision, 'was made to fail')
      case 'short':
        note('short', await doBeginning(plan, decision))
        throw failure(plan, number, decision, 'was cut short')
      case 'torn':
        note('torn', await doPieces(plan, decision))
        throw failure(plan, number, decision, 'was torn')
      case 'lost':
        note('lost', this.#unflushed?.byteLength ?? 0)
        return undefined as T
    }
    const result = await plan.run()
    this.#refuseWhenCrashed()
    return result
  }

  // Here and not in the inner store: a fault does parts of a call, which may be inside the range
  // though the whole is not, and a volatile store keeps them from the inner one.
  #checkCall({ call, offset, byteLength }: CallPlan<unknown>): void {
    if (this.#closing !== undefined) {
      throw new StoreError('the faulty store is closed', { code: storeErrorCodes.closed })
    }
    this.#refuseWhenCrashed()
    if ((call === 'write' || call === 'discard') && !this.capabilities.writable) {
      throw new StoreError('the store was opened read-only', { code: storeErrorCodes.readOnly })
    }
    const end = offset + byteLength
    if (!Number.isSafeInteger(offset) || !(offset >= 0) || !(end <= this.byteLength)) {
      throw new StoreError(`${byteLength} bytes at ${offset} are not inside the store`, {
        code: storeErrorCodes.range,
      })
    }
  }

  #refuseWhenCrashed(): void {
    if (this.#control.crashes !== this.#crashes) {
      this.#unflushed?.drop()
      throw new StoreError('the faulty store has crashed', { code: 'FAULTY_CRASHED' })
    }
  }

  async #hang(): Promise<void> {
    const { releases } = this.#control
    this.#control.countHanging(1)
    try {
      while (this.#control.releases === releases && this.#control.crashes === this.#crashes) {
        await new Promise((resolve) => setTimeout(resolve, hangPollMs))
      }
    } finally {
      this.#control.countHanging(-1)
    }
  }

  async #closeWhenIdle(): Promise<void> {
    await Promise.allSettled(this.#inFlight)
    await this.#inner.close()
  }
}

/** Does the first part of a call; resolves to its bytes. */
async function doBeginning(plan: CallPlan<unknown>, { cut }: FaultDecision): Promise<number> {
  const byteLength = Math.floor(cut * plan.byteLength)
  if (byteLength > 0) {
    await plan.runPart?.(0, byteLength)
  }
  return byteLength
}

/** Does some of a write's sectors, at least one and never all of several; resolves to the bytes. */
async function doPieces(plan: CallPlan<unknown>, { salt, cut }: FaultDecision): Promise<number> {
  const sectorCount = Math.ceil(plan.byteLength / sectorBytes)
  const always = Math.floor(cut * sectorCount)
  const never = sectorCount === 1 ? -1 : (always + 1) % sectorCount
  let done = 0
  for (let sector = 0; sector < sectorCount; sector++) {
    const isWritten = sector === always || (sector !== never && hashWords(salt, sector) % 2 === 0)
    if (isWritten) {
      const from = sector * sectorBytes
      const to = Math.min(from + sectorBytes, plan.byteLength)
      await plan.runPart?.(from, to)
      done += to - from
    }
  }
  return done
}

function failure(
  { call, offset, byteLength }: CallPlan<unknown>,
  number: number,
  { code, retryable }: FaultDecision,
  what: string,
): StoreError {
  const range = call === 'flush' ? '' : ` of ${byteLength} bytes at ${offset}`
  return new StoreError(`${call} number ${number}${range} ${what}`, { code, retryable })
}

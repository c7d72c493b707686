// Turns reads into requests: reads that come in one turn of the event loop and touch each other
// become one, long ones are cut into parts that travel in parallel, a read of bytes that are on
// their way already waits for those, and a request for which nobody waits any more is ended. No
// byte is ever asked for that no read wants. Runs in the store host, one thread.

import type { PinnedObject } from './object-store.ts'
import type { ByteRange, S3Access } from './s3-access.ts'

/** One request asks for at most this much; longer reads are several requests at once. */
export const partBytesMax = 4 * 2 ** 20

/** A read that has not settled. */
interface Read extends ByteRange {
  readonly target: Uint8Array
  readonly flights: Set<Flight>
  readonly finish: (error?: unknown) => void
  remainingBytes: number
}

/** Bytes of a read that one request brings. Invariant: seats of one read never overlap. */
interface Seat extends ByteRange {
  readonly read: Read
}

/** A request on its way, and who wants which of its bytes. */
interface Flight extends ByteRange {
  readonly seats: Set<Seat>
  readonly controller: AbortController
  /** Bytes before it have been delivered to the readers of that moment. */
  position: number
}

/** The reads of one object. */
export class RangeReads {
  readonly #s3: S3Access
  readonly #object: PinnedObject
  readonly #flights = new Set<Flight>()
  #wanted: Seat[] = []

  constructor(s3: S3Access, object: PinnedObject) {
    this.#s3 = s3
    this.#object = object
  }

  /**
   * Fills `target`, which is not empty and inside the object. Settles when `target` is no longer
   * used; rejects with the reason of `signal` when that is aborted.
   */
  read(offset: number, target: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#s3.counters.cancelledReads += 1
        read.finish(signal?.reason)
      }
      const read: Read = {
        from: offset,
        to: offset + target.byteLength,
        target,
        flights: new Set(),
        remainingBytes: target.byteLength,
        finish: (error) => {
          signal?.removeEventListener('abort', giveUp)
          this.#leave(read)
          if (read.remainingBytes === 0) {
            this.#s3.counters.neededBytes += target.byteLength
            resolve()
          } else {
            reject(error)
          }
        },
      }
      signal?.addEventListener('abort', giveUp, { once: true })
      this.#want(read)
    })
  }

  // Boards the flights that still carry bytes of the read, and wants a flight for the rest.
  #want(read: Read): void {
    let missing: ByteRange[] = [read]
    for (const flight of this.#flights) {
      const from = Math.max(flight.from, flight.position)
      if (from < read.to && flight.to > read.from) {
        const rest = missing.flatMap((range) => subtract(range, { from, to: flight.to }))
        if (bytesOf(rest) < bytesOf(missing)) {
          for (const range of intersect(missing, { from, to: flight.to })) {
            flight.seats.add({ read, ...range })
          }
          read.flights.add(flight)
          missing = rest
        }
      }
    }
    this.#s3.counters.sharedReads += read.flights.size > 0 ? 1 : 0
    if (missing.length > 0 && this.#wanted.length === 0) {
      setImmediate(() => this.#depart())
    }
    this.#wanted.push(...missing.map(({ from, to }) => ({ from, to, read })))
  }

  #depart(): void {
    const wanted = this.#wanted.sort((a, b) => a.from - b.from)
    this.#wanted = []
    let run: Seat[] = []
    let to = -1
    for (const part of wanted) {
      if (run.length > 0 && part.from > to) {
        this.#departRun(run, to)
        run = []
      }
      to = run.length === 0 ? part.to : Math.max(to, part.to)
      run.push(part)
    }
    if (run.length > 0) {
      this.#departRun(run, to)
    }
  }

  // `run` touches all of [its first byte, to), so that no byte is asked for in vain.
  #departRun(run: readonly Seat[], to: number): void {
    this.#s3.counters.coalescedReads += run.length > 1 ? run.length : 0
    const from = run[0]?.from ?? to
    const parts = Math.ceil((to - from) / partBytesMax)
    const partBytes = Math.ceil((to - from) / parts)
    for (let start = from; start < to; start += partBytes) {
      const range = { from: start, to: Math.min(to, start + partBytes) }
      const seats = run.flatMap((seat) => {
        return intersect([seat], range).map((part) => ({ read: seat.read, ...part }))
      })
      this.#start(range, new Set(seats))
    }
  }

  #start(range: ByteRange, seats: Set<Seat>): void {
    const controller = new AbortController()
    const flight: Flight = { ...range, seats, position: range.from, controller }
    for (const { read } of seats) {
      read.flights.add(flight)
    }
    this.#flights.add(flight)
    this.#fly(flight).then(
      () => this.#flights.delete(flight),
      (error) => {
        this.#flights.delete(flight)
        for (const { read } of flight.seats) {
          read.finish(error)
        }
      },
    )
  }

  async #fly(flight: Flight): Promise<void> {
    const { key, etag, byteLength } = this.#object
    const { signal } = flight.controller
    if (flight.from === 0 && flight.to === byteLength) {
      // The whole object: delivered only when its checksum, if it has one, was verified.
      const { body } = await this.#s3.get(key, { ifMatch: etag, signal })
      deliver(flight, 0, body)
      return
    }
    const request = { range: flight, ifMatch: etag, objectBytes: byteLength }
    await this.#s3.stream(key, request, (offset, chunk) => deliver(flight, offset, chunk), {
      signal,
    })
  }

  #leave(read: Read): void {
    this.#wanted = this.#wanted.filter((seat) => seat.read !== read)
    for (const flight of read.flights) {
      for (const seat of flight.seats) {
        if (seat.read === read) {
          flight.seats.delete(seat)
        }
      }
      if (flight.seats.size === 0 && flight.position < flight.to) {
        this.#flights.delete(flight)
        flight.controller.abort(new DOMException('nobody waits any more', 'AbortError'))
      }
    }
  }
}

function deliver(flight: Flight, offset: number, chunk: Uint8Array): void {
  const end = offset + chunk.byteLength
  flight.position = end
  for (const seat of flight.seats) {
    const { read } = seat
    const from = Math.max(offset, seat.from)
    const to = Math.min(end, seat.to)
    if (from < to) {
      read.target.set(chunk.subarray(from - offset, to - offset), from - read.from)
      read.remainingBytes -= to - from
      if (read.remainingBytes === 0) {
        read.finish()
      }
    }
  }
}

function intersect(ranges: readonly ByteRange[], window: ByteRange): ByteRange[] {
  return ranges
    .map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }))
    .filter(({ from, to }) => from < to)
}

function subtract(range: ByteRange, taken: ByteRange): ByteRange[] {
  const before = { from: range.from, to: Math.min(range.to, taken.from) }
  const after = { from: Math.max(range.from, taken.to), to: range.to }
  return [before, after].filter(({ from, to }) => from < to)
}

function bytesOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0)
}

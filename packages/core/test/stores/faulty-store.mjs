// A store in shared memory whose faults the test turns on and off while it runs, from any thread,
// even one that is blocked in a fault. `control` is an Int32Array with the slots below.

/** Slots of `control`. */
export const slot = {
  readsToFail: 0,
  writesToFail: 1,
  flushesToFail: 2,
  // 1: failures are retryable.
  retryable: 3,
  // Reads wait as long as this is 1.
  hang: 4,
  // What the next read does: see `fault` below. It happens once.
  fault: 5,
  reads: 6,
  writes: 7,
  flushes: 8,
  opens: 9,
  discards: 10,
  closes: 11,
}

/** Values of the slot `fault`. */
export const fault = {
  none: 0,
  throws: 1,
  rejectsText: 2,
  returnsCount: 3,
  exits: 4,
  throwsUncaught: 5,
  leavesRejection: 6,
  logs: 7,
  awaitsOutput: 8,
}

/** Options for `storeRef`, and the views with which a test looks into the store. */
export function faultyStoreOptions(byteLength) {
  const options = {
    data: new SharedArrayBuffer(byteLength),
    control: new SharedArrayBuffer(4 * Object.keys(slot).length),
  }
  return { options, data: new Uint8Array(options.data), control: new Int32Array(options.control) }
}

function storeFailure(control, what) {
  const retryable = Atomics.load(control, slot.retryable) === 1
  return Object.assign(new Error(`${what} was made to fail`), { code: 'EFAULTY', retryable })
}

function takeOne(control, index) {
  if (Atomics.load(control, index) <= 0) return false
  Atomics.sub(control, index, 1)
  return true
}

async function misbehave(kind) {
  switch (kind) {
    case fault.throws:
      throw new Error('thrown by the store')
    case fault.rejectsText:
      return Promise.reject('only text')
    case fault.returnsCount:
      return 65536
    case fault.exits:
      process.exit(3)
      break
    case fault.throwsUncaught:
      setImmediate(() => {
        throw new Error('thrown in a callback of the store')
      })
      return new Promise(() => {})
    case fault.leavesRejection:
      Promise.reject(new Error('left behind by the store'))
      break
    case fault.logs:
      console.log('the store says hello')
      break
    case fault.awaitsOutput:
      await new Promise((resolve) => process.stdout.write('the store waits for this\n', resolve))
      break
  }
}

export function openStore(options) {
  const data = new Uint8Array(options.data)
  const control = new Int32Array(options.control)
  Atomics.add(control, slot.opens, 1)
  return {
    byteLength: data.byteLength,
    capabilities: { writable: true, concurrencyMax: 4, callBytesMax: 1 << 20, atomicFlush: false },
    async read(offset, target) {
      Atomics.add(control, slot.reads, 1)
      const kind = Atomics.exchange(control, slot.fault, fault.none)
      const answer = await misbehave(kind)
      if (answer !== undefined) return answer
      while (Atomics.load(control, slot.hang) === 1) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      if (takeOne(control, slot.readsToFail)) throw storeFailure(control, 'read')
      target.set(data.subarray(offset, offset + target.byteLength))
    },
    async write(offset, source) {
      Atomics.add(control, slot.writes, 1)
      if (takeOne(control, slot.writesToFail)) throw storeFailure(control, 'write')
      data.set(source, offset)
    },
    async flush() {
      Atomics.add(control, slot.flushes, 1)
      if (takeOne(control, slot.flushesToFail)) throw storeFailure(control, 'flush')
    },
    discard(offset, byteLength) {
      Atomics.add(control, slot.discards, 1)
      data.fill(0, offset, offset + byteLength)
    },
    close() {
      Atomics.add(control, slot.closes, 1)
    },
  }
}

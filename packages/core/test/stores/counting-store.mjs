// Stores that show how they are called. The first words of what they read say what they counted:
// with `how` 'gathers', reads wait for each other until `concurrencyMax` of them are in flight; with
// 'returns' and 'promises' they answer at once, after a little work, and what is counted are the
// ticks of a timer.

const workMs = 0.05

export function openStore({ byteLength, how, concurrencyMax, callBytesMax }) {
  let ticks = 0
  let inFlight = []
  let inFlightMax = 0
  let bytesMax = 0
  const tick = () => {
    ticks += 1
  }
  if (how !== 'gathers') setInterval(tick, 1).unref()
  const gather = (_offset, target) =>
    new Promise((resolve) => {
      inFlight.push({ target, resolve })
      inFlightMax = Math.max(inFlightMax, inFlight.length)
      bytesMax = Math.max(bytesMax, target.byteLength)
      // Later than the calls that are shown together.
      setImmediate(() => {
        if (inFlight.length < concurrencyMax) return
        const gathered = inFlight
        inFlight = []
        for (const call of gathered) {
          new Uint32Array(call.target.buffer, call.target.byteOffset, 2).set([
            inFlightMax,
            bytesMax,
          ])
          call.resolve()
        }
      })
    })
  const tell = (_offset, target) => {
    const until = performance.now() + workMs
    while (performance.now() < until);
    new Uint32Array(target.buffer, target.byteOffset, 1)[0] = ticks
  }
  return {
    byteLength,
    capabilities: { writable: false, concurrencyMax, callBytesMax, atomicFlush: false },
    read: { gathers: gather, returns: tell, promises: async (...call) => tell(...call) }[how],
    close() {},
  }
}

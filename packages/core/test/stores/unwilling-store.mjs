// A store that cannot be opened, in the way that `how` says, or opens for reading only.

export async function openStore({ how }) {
  await Promise.resolve()
  if (how === 'throw') throw Object.assign(new Error('refused'), { code: 'EACCES' })
  if (how === 'exit') process.exit(5)
  return {
    byteLength: 100,
    capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 65536, atomicFlush: false },
    read: () => 'hole',
    close() {},
  }
}

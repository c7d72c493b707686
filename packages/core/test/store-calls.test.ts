// The store worker's side of a call: whatever a store does, the call ends once and says whose fault
// it was. The engine is a function here that writes down how calls were completed.

import type { HostCall } from '@umap/native'
import { deserializeError, memoryStore, type PageStore, StoreError, storeRef } from '@umap/store'
import { describe, expect, it } from 'vitest'
import { storeWorkerExecArgv } from '../src/host/exec-argv.ts'
import { RestartPolicy } from '../src/host/restart-policy.ts'
import { StoreCalls } from '../src/host/store-calls.ts'
import { storeLabel } from '../src/host/store-label.ts'

type Completion = [token: number, outcome: number, errorJson?: string]

const ref = { url: 'file:///stores/open.js', exportName: 'openStore', options: { path: '/data' } }

/** A worker's calls on one store, whose functions are those of `store`. */
async function hostOf(store: Partial<PageStore>) {
  const calls = new StoreCalls(async () => ({
    byteLength: 4096,
    capabilities: { writable: true, concurrencyMax: 4, callBytesMax: 4096, atomicFlush: false },
    read: () => undefined,
    close: () => undefined,
    ...store,
  }))
  await calls.adopt({ type: 'open', storeKey: 7, ref, access: 'read-write' })
  const arena = new ArrayBuffer(8192)
  const run = (call: Partial<HostCall> = {}) =>
    new Promise<Completion>((resolve) => {
      calls.run({ ...readCall, ...call }, arena, (...completion) => resolve(completion))
    })
  return { calls, arena, run }
}

const readCall: HostCall = {
  token: 1,
  storeKey: 7,
  op: 'read',
  offset: 1024,
  byteLength: 512,
  arenaOffset: 4096,
}

function errorOf([, outcome, json]: Completion): StoreError {
  expect(outcome).toBe(2)
  return deserializeError(JSON.parse(json ?? '{}'))
}

describe('a call on a JavaScript store', () => {
  it('reads into its part of the arena', async () => {
    const { run, arena } = await hostOf({
      read: (offset, target) => void target.fill(offset / 1024),
    })
    expect(await run()).toEqual([1, 0])
    expect(new Uint8Array(arena, 4096, 512).every((byte) => byte === 1)).toBe(true)
    expect(new Uint8Array(arena)[4095]).toBe(0)
    expect(new Uint8Array(arena)[4096 + 512]).toBe(0)
  })

  it('says whether it was answered at once', async () => {
    const ends: Completion[] = []
    for (const [read, answered] of [
      [() => 'hole', true],
      [
        () => {
          throw new Error('on purpose')
        },
        true,
      ],
      [async () => undefined, false],
    ] as [PageStore['read'], boolean][]) {
      const { calls, arena } = await hostOf({ read })
      expect(calls.run(readCall, arena, (...completion) => ends.push(completion))).toBe(answered)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(ends.map(([, outcome]) => outcome)).toEqual([1, 2, 0])
  })

  it('writes from its part of the arena, and waits', async () => {
    const written: number[] = []
    const { run, arena } = await hostOf({
      async write(offset, source) {
        await Promise.resolve()
        written.push(offset, source.byteLength, source[0] as number)
      },
    })
    new Uint8Array(arena)[4096] = 99
    expect(await run({ op: 'write' })).toEqual([1, 0])
    expect(written).toEqual([1024, 512, 99])
  })

  it.each([false, true])('may find a hole (promised: %s)', async (promised) => {
    const { run } = await hostOf({ read: () => (promised ? Promise.resolve('hole') : 'hole') })
    expect(await run()).toEqual([1, 1])
  })

  it('flushes and discards, or does nothing where the store cannot', async () => {
    const done: unknown[] = []
    const able = await hostOf({
      flush: () => void done.push('flush'),
      discard: (offset, byteLength) => void done.push(offset, byteLength),
    })
    expect(await able.run({ op: 'flush' })).toEqual([1, 0])
    expect(await able.run({ op: 'discard' })).toEqual([1, 0])
    expect(done).toEqual(['flush', 1024, 512])
    const unable = await hostOf({})
    expect(await unable.run({ op: 'flush' })).toEqual([1, 0])
    expect(await unable.run({ op: 'discard' })).toEqual([1, 0])
  })

  it('fails with what the store threw, at once or later', async () => {
    const fault = new StoreError('disk on fire', { code: 'EIO', retryable: true })
    const thrower = () => {
      throw fault
    }
    for (const read of [thrower, () => Promise.reject(fault)]) {
      const error = errorOf(await (await hostOf({ read })).run())
      expect(error).toMatchObject({ code: 'EIO', retryable: true })
      expect(error.message).toBe('read of 512 bytes at 1024 of /data: disk on fire')
    }
  })

  it.each([undefined, null, 'text', 42, { a: 1 }])('fails with %j, rejected', async (thrown) => {
    const { run } = await hostOf({ read: () => Promise.reject(thrown) })
    expect(errorOf(await run())).toMatchObject({ code: 'STORE_UNKNOWN', retryable: false })
  })

  it.each([512, 'done', true, new Uint8Array(3), null])(
    'fails where a read returns %o, which may hide a short read',
    async (result) => {
      const { run } = await hostOf({ read: (() => result) as unknown as PageStore['read'] })
      expect(errorOf(await run())).toMatchObject({ code: 'STORE_INVALID' })
    },
  )

  it('fails where the store cannot write, and where there is no such store', async () => {
    const { run } = await hostOf({})
    expect(errorOf(await run({ op: 'write' })).code).toBe('STORE_READ_ONLY')
    expect(errorOf(await run({ storeKey: 8 })).code).toBe('STORE_CLOSED')
  })

  it('is aborted when the store is closed', async () => {
    const reasons: unknown[] = []
    let wasClosed = false
    const { calls, arena } = await hostOf({
      read: (_offset, _target, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason)
            reject(signal.reason)
          })
        }),
      close: () => {
        wasClosed = true
      },
    })
    const completed = new Promise<Completion>((resolve) => {
      calls.run(readCall, arena, (...completion) => resolve(completion))
    })
    await calls.close(7)
    expect(errorOf(await completed).code).toBe('STORE_CLOSED')
    expect(reasons).toHaveLength(1)
    expect(wasClosed).toBe(true)
  })

  it('opens a store again when its first call comes, and again after a failure', async () => {
    let attempts = 0
    const calls = new StoreCalls(async () => {
      attempts += 1
      if (attempts === 1) {
        throw new Error('not yet')
      }
      return (await hostedMemory()) as PageStore
    })
    await calls.adopt({ type: 'open', storeKey: 7, ref, access: 'read-write', again: true })
    expect(attempts).toBe(0)
    const run = () =>
      new Promise<Completion>((resolve) => {
        calls.run(readCall, new ArrayBuffer(8192), (...completion) => resolve(completion))
      })
    const first = errorOf(await run())
    expect(first.retryable).toBe(true)
    expect(first.message).toContain('could not be opened again')
    expect(await run()).toEqual([1, 1])
    expect(attempts).toBe(2)
  })

  it('tells an opening that repeats another one its session and its version', async () => {
    const source = `export const openStore = (options, context) => ({
      byteLength: 0,
      capabilities: { writable: false, concurrencyMax: 1, callBytesMax: 1, atomicFlush: false },
      version: JSON.stringify(context),
      read() { throw new Error(JSON.stringify(context)) },
      close() {},
    })`
    const request = {
      type: 'open',
      storeKey: 7,
      ref: storeRef(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {}),
      access: 'read-only',
      session: 'one',
      version: 'three',
    } as const
    const context = { access: 'read-only', session: 'one' }
    const first = await new StoreCalls().adopt(request)
    expect(JSON.parse(first?.version ?? '')).toEqual(context)

    const calls = new StoreCalls()
    await calls.adopt({ ...request, again: true })
    const completion = await new Promise<Completion>((resolve) => {
      calls.run(readCall, new ArrayBuffer(8192), (...completed) => resolve(completed))
    })
    const seen = JSON.stringify({ ...context, version: 'three' })
    expect(errorOf(completion).message).toContain(seen)
  })
})

async function hostedMemory(): Promise<PageStore> {
  const { openStore } = await import('@umap/store')
  return openStore(memoryStore({ byteLength: 1 << 16 }).options)
}

describe('flags of a store worker', () => {
  it('are those that decide how modules are found', () => {
    const argv = ['--expose-gc', '--import', 'tsx', '-r', './a.cjs', '--max-old-space-size=99']
    expect(storeWorkerExecArgv(argv)).toEqual(['--import', 'tsx', '-r', './a.cjs'])
    expect(storeWorkerExecArgv(['--import=x', '--inspect', '-C', 'dev'])).toEqual([
      '--import=x',
      '-C',
      'dev',
    ])
  })
})

describe('the label of a store', () => {
  it('tells which object it is, and no secrets', () => {
    const options = { bucket: 'b', key: 'k', secretAccessKey: 'hush' }
    expect(storeLabel({ ...ref, url: 'file:///x/s3.js?v=1', options })).toBe('b/k')
    expect(storeLabel({ ...ref, options: undefined })).toBe('stores/open.js')
  })

  it('is that of the store below a layer', () => {
    const store = { ...ref, options: { path: '/cache', store: ref } }
    expect(storeLabel({ ...ref, options: { store } })).toBe('/data')
    expect(storeLabel({ ...ref, options: { path: '/own', store: 'shop 5' } })).toBe('/own')
  })
})

describe('the restarts of a store host', () => {
  it('come later each time, and end', () => {
    const policy = new RestartPolicy()
    const delays = [1, 2, 3, 4, 5].map((second) => policy.delayAfterDeath(second * 1000))
    expect(delays).toEqual([0, 20, 80, 320, 1280])
    expect(policy.delayAfterDeath(6000)).toBeUndefined()
    expect(policy.delayAfterDeath(200_000)).toBe(0)
  })
})

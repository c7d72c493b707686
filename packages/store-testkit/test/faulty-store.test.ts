// The faulty store: exact for a seed, right where it is told to work, wrong just as it is told.

import { memoryStore, openStore, openStoreRef, type PageStore } from '@umap/store'
import {
  type FaultyStoreOptions,
  faultControl,
  faultyStore,
  runStoreConformance,
} from '@umap/store-testkit'
import { describe, expect, it } from 'vitest'

const byteLength = 64 * 1024
const page = 4096
const { signal } = new AbortController()

function open(options: FaultyStoreOptions) {
  const ref = memoryStore({ byteLength })
  const store = faultyStore(openStore(ref.options), options)
  return { store, inner: openStore(ref.options), control: faultControl(store) }
}

async function read(store: PageStore, offset: number, length = page): Promise<Uint8Array> {
  const target = new Uint8Array(length).fill(0xa5)
  return (await store.read(offset, target, { signal })) === 'hole' ? target.fill(0) : target
}

function filled(byte: number, length = page): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

/** Does the same calls on any store; the outcome of each as text. */
async function outcomes(store: PageStore): Promise<string[]> {
  const list: string[] = []
  for (let round = 0; round < 60; round++) {
    const offset = (round % 16) * page
    for (const call of [
      () => store.write?.(offset, filled(round + 1), { signal }),
      () => store.read(offset, filled(0), { signal }),
      () => store.flush?.(),
    ]) {
      const text = await Promise.resolve(call()).then(
        (value) => String(value),
        (error) => `${error.code} ${error.retryable} ${error.message}`,
      )
      list.push(text)
    }
  }
  return list
}

// Each of these has to keep the contract in spite of what is in front of it.
for (const [name, options] of [
  ['without faults', { seed: 1 }],
  ['that is volatile', { seed: 1, volatile: true }],
  [
    'that is slow now and then',
    {
      seed: 2,
      volatile: true,
      delayMsMax: 3,
      rates: { read: { delay: 0.3 }, write: { delay: 0.3 }, flush: { delay: 1 } },
    },
  ],
] as const) {
  const refs = new Map<string, ReturnType<typeof memoryStore>>()
  runStoreConformance({
    test: { describe, it },
    byteLength: 24 * 4096 + 1237,
    name: `a faulty store ${name}`,
    open: ({ id, byteLength, access }) => {
      const ref = memoryStore({ byteLength })
      refs.set(id, ref)
      return faultyStore(openStore(ref.options, { access }), options)
    },
    reopen: ({ id, access }) => faultyStore(openStore(refs.get(id)!.options, { access }), options),
  })
}

describe('a seed', () => {
  const options = {
    seed: 77,
    rates: {
      read: { error: 0.2, short: 0.2 },
      write: { error: 0.1, short: 0.1, torn: 0.2 },
      flush: { error: 0.1, lost: 0.2 },
    },
    retryableShare: 0.5,
  }

  it('repeats every fault, and what each of them did', async () => {
    const [first, second] = [open(options), open(options)]
    const outcome = await outcomes(first.store)
    expect(await outcomes(second.store)).toEqual(outcome)
    expect(second.control.report()).toEqual(first.control.report())
    expect(await read(second.inner, 0, byteLength)).toEqual(await read(first.inner, 0, byteLength))
    const kinds = new Set(first.control.report().faults.map(({ fault }) => fault))
    expect([...kinds].sort()).toEqual(['error', 'lost', 'short', 'torn'])
    expect(outcome.some((text) => text.includes('FAULTY_STORE true'))).toBe(true)
    expect(outcome.some((text) => text.includes('FAULTY_STORE false'))).toBe(true)
  })

  it('of another number makes other faults', async () => {
    const [first, second] = [open(options), open({ ...options, seed: 78 })]
    expect(await outcomes(second.store)).not.toEqual(await outcomes(first.store))
  })

  it('gives a call its fault by its own number, whatever other calls came between', async () => {
    const [first, second] = [open(options), open(options)]
    await outcomes(first.store)
    for (let count = 0; count < 60; count++) {
      await Promise.resolve(second.store.read(0, filled(0), { signal })).catch(() => undefined)
    }
    const ofReads = ({ control }: typeof first) =>
      control.report().faults.filter(({ call }) => call === 'read')
    const numbers = ofReads(first).map(({ number, fault }) => ({ number, fault }))
    expect(ofReads(second).map(({ number, fault }) => ({ number, fault }))).toEqual(numbers)
    expect(numbers.length).toBeGreaterThan(5)
  })

  it('makes about as many faults as the rates say', async () => {
    const { store, control } = open({ seed: 5, rates: { read: { error: 0.1 } } })
    for (let count = 0; count < 2000; count++) {
      await Promise.resolve(store.read(0, filled(0), { signal })).catch(() => undefined)
    }
    const { faultCount, calls } = control.report()
    expect(calls.read).toBe(2000)
    expect(faultCount).toBeGreaterThan(140)
    expect(faultCount).toBeLessThan(260)
  })
})

describe('a script', () => {
  it('tears the third write: some of its sectors are written, and it is rejected', async () => {
    const script = [{ call: 'write', number: 3, fault: 'torn', retryable: false }] as const
    const { store, inner, control } = open({ seed: 3, script })
    await store.write?.(0, filled(1), { signal })
    await store.write?.(page, filled(2), { signal })
    const torn = store.write?.(0, filled(3), { signal })
    await expect(torn).rejects.toMatchObject({ code: 'FAULTY_STORE', retryable: false })
    const bytes = await read(inner, 0)
    const sectors = Array.from({ length: 8 }, (_, index) => bytes[index * 512]!)
    expect(new Set(sectors)).toEqual(new Set([1, 3]))
    for (const [index, byte] of sectors.entries()) {
      expect(bytes.subarray(index * 512, (index + 1) * 512)).toEqual(filled(byte, 512))
    }
    const written = sectors.filter((byte) => byte === 3).length * 512
    expect(control.report().faults).toEqual([
      { call: 'write', number: 3, fault: 'torn', offset: 0, byteLength: page, amount: written },
    ])
    await store.write?.(0, filled(4), { signal })
    expect(await read(inner, 0)).toEqual(filled(4))
  })

  it('cuts a write and a read short', async () => {
    const script = [
      { call: 'write', number: 2, fault: 'short' },
      { call: 'read', number: 1, fault: 'short' },
    ] as const
    const { store, inner, control } = open({ seed: 8, script })
    await store.write?.(0, filled(1), { signal })
    await expect(store.write?.(0, filled(2), { signal })).rejects.toThrow(/cut short/)
    const amount = control.report().faults[0]?.amount ?? -1
    const bytes = await read(inner, 0)
    expect(bytes.subarray(0, amount)).toEqual(filled(2, amount))
    expect(bytes.subarray(amount)).toEqual(filled(1, page - amount))
    const target = filled(9)
    await expect(store.read(0, target, { signal })).rejects.toMatchObject({ retryable: true })
    const half = control.report().faults[1]?.amount ?? -1
    expect(target.subarray(half)).toEqual(filled(9, page - half))
    expect(target.subarray(0, half)).toEqual(bytes.subarray(0, half))
  })

  it('fails several calls in a row with the code that it names', async () => {
    const script = [{ call: 'read', number: 2, times: 2, fault: 'error', code: 'EIO' }] as const
    const { store } = open({ seed: 1, script })
    const codes: string[] = []
    for (let count = 0; count < 4; count++) {
      const outcome = Promise.resolve(store.read(0, filled(0), { signal }))
      codes.push(
        await outcome.then(
          () => 'ok',
          (error) => error.code,
        ),
      )
    }
    expect(codes).toEqual(['ok', 'EIO', 'EIO', 'ok'])
  })

  it('makes a call hang until it is released', async () => {
    const script = [{ call: 'read', number: 1, fault: 'hang' }] as const
    const { store, control } = open({ seed: 1, script })
    await store.write?.(0, filled(7), { signal })
    const target = filled(0)
    let settled = false
    const hanging = Promise.resolve(store.read(0, target, { signal })).then(() => {
      settled = true
    })
    await read(store, page)
    expect(settled).toBe(false)
    expect(control.report().hanging).toBe(1)
    const closed = store.close()
    control.release()
    await Promise.all([hanging, closed])
    expect(target).toEqual(filled(7))
    expect(control.report().hanging).toBe(0)
  })
})

describe('a lost flush', () => {
  const script = [{ call: 'flush', number: 2, fault: 'lost' }] as const

  it('resolves, and a crash then loses what it covered and nothing else', async () => {
    const { store, inner, control } = open({ seed: 1, script })
    await store.write?.(0, filled(1), { signal })
    await store.flush?.()
    await store.write?.(0, filled(2), { signal })
    await store.write?.(page, filled(3), { signal })
    await store.flush?.()
    expect(await read(store, 0)).toEqual(filled(2))
    control.crash()
    await expect(store.read(0, filled(0), { signal })).rejects.toMatchObject({
      code: 'FAULTY_CRASHED',
    })
    expect(await read(inner, 0)).toEqual(filled(1))
    expect(await read(inner, page)).toEqual(filled(0))
  })

  it('loses nothing without a crash: the next flush makes up for it', async () => {
    const { store, inner } = open({ seed: 1, script })
    for (const byte of [1, 2, 3]) {
      await store.write?.(page, filled(byte), { signal })
      await store.flush?.()
    }
    expect(await read(inner, page)).toEqual(filled(3))
  })
})

describe('the reference to a faulty store', () => {
  it('makes its faults wherever it is opened, and its control works from here', async () => {
    const inner = memoryStore({ byteLength })
    const ref = structuredClone(
      faultyStore(inner, { seed: 1, script: [{ call: 'write', number: 2, fault: 'error' }] }),
    )
    const control = faultControl(ref)
    const store = await openStoreRef(ref, { access: 'read-write' })
    await store.write?.(0, filled(1), { signal })
    await expect(store.write?.(0, filled(2), { signal })).rejects.toThrow(/write number 2/)
    control.pause()
    await store.write?.(0, filled(3), { signal })
    expect(control.report()).toMatchObject({ calls: { write: 3 }, faultCount: 1 })
    await store.close()
    expect(await read(openStore(inner.options), 0)).toEqual(filled(3))
  })

  it('takes { module, options } too, and hides the descriptor of the inner store', async () => {
    const source = { module: '@umap/store', options: { byteLength }, parent: import.meta.url }
    const store = await openStoreRef(faultyStore(source, { seed: 1 }), { access: 'read-only' })
    expect(store.capabilities).toMatchObject({ writable: false })
    expect(store.capabilities).not.toHaveProperty('nativeFd')
    await store.close()
  })
})

describe('wrong options of faultyStore', () => {
  it.each([
    [{}, /seed/],
    [{ seed: -1 }, /seed.*-1/],
    [{ seed: 1, rate: {} }, /no rate/],
    [{ seed: 1, rates: { reads: {} } }, /reads/],
    [{ seed: 1, rates: { read: { torn: 1 } } }, /torn/],
    [{ seed: 1, rates: { read: { error: 2 } } }, /rates\.read\.error.*2/],
    [
      { seed: 1, script: [{ call: 'flush', number: 1, fault: 'torn' }] },
      /script\[0\]\.fault.*torn/,
    ],
    [{ seed: 1, script: [{ call: 'read', number: 0, fault: 'error' }] }, /script\[0\]\.number/],
  ])('are refused by name: %j', (options, message) => {
    expect(() => faultyStore(memoryStore({ byteLength }), options as never)).toThrow(message)
  })
})

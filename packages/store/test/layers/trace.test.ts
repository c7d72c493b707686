// One record a call says what happened, and never what was in it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  memoryStore,
  openStoreRef,
  StoreError,
  type TraceRecord,
  trace,
  traceStore,
} from '@umap/store'
import { afterEach, describe, expect, it } from 'vitest'
import { HeldStore, ManualRuntime, noSignal } from './manual-runtime.ts'

const directories: string[] = []

function temporaryFile(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'umap-trace-'))
  directories.push(directory)
  return path.join(directory, 'calls.jsonl')
}

afterEach(() => {
  for (const directory of directories.splice(0)) {
    rmSync(directory, { recursive: true, force: true })
  }
})

describe('traceStore', () => {
  it('records-operation-range-duration-and-outcome', async () => {
    const inner = new HeldStore()
    const runtime = new ManualRuntime()
    const records: TraceRecord[] = []
    const layer = traceStore(inner, (record) => records.push(record), runtime)
    const reading = layer.read(8, new Uint8Array(4), noSignal)
    await runtime.advance(1.5)
    expect(records).toEqual([])
    inner.last.resolve()
    await reading
    const hole = layer.read(16, new Uint8Array(4), noSignal)
    inner.last.resolve('hole')
    expect(await hole).toBe('hole')
    const flushing = layer.flush?.()
    inner.last.resolve()
    await flushing
    await layer.close()
    await layer.close()
    expect(records.map(({ startUs: _, ...record }) => record)).toEqual([
      { op: 'read', offset: 8, byteLength: 4, durationUs: 1500, outcome: 'ok' },
      { op: 'read', offset: 16, byteLength: 4, durationUs: 0, outcome: 'hole' },
      { op: 'flush', offset: 0, byteLength: 0, durationUs: 0, outcome: 'ok' },
      { op: 'close', offset: 0, byteLength: 0, durationUs: 0, outcome: 'ok' },
    ])
    expect(inner.closeCount).toBe(1)
  })

  it('records-codes-and-no-texts-of-errors', async () => {
    const inner = new HeldStore()
    const records: TraceRecord[] = []
    const layer = traceStore(inner, (record) => records.push(record), new ManualRuntime())
    const errors = [
      new StoreError('key SECRET', { code: 'MY_CODE' }),
      Object.assign(new Error('SECRET'), { code: 'token=SECRET&more' }),
      'SECRET',
    ]
    for (const error of errors) {
      const writing = expect(layer.write?.(0, new Uint8Array(1), noSignal)).rejects.toBe(error)
      inner.last.reject(error)
      await writing
    }
    expect(records.map(({ outcome, code }) => `${outcome} ${code}`)).toEqual([
      'error MY_CODE',
      'error STORE_UNKNOWN',
      'error STORE_UNKNOWN',
    ])
    expect(JSON.stringify(records)).not.toContain('SECRET')
  })

  it('tells-aborted-calls-from-failed-ones', async () => {
    const inner = new HeldStore()
    const records: TraceRecord[] = []
    const layer = traceStore(inner, (record) => records.push(record))
    const signal = AbortSignal.abort(new Error('stop'))
    const reading = expect(layer.read(0, new Uint8Array(1), { signal })).rejects.toThrow('stop')
    inner.last.reject(signal.reason)
    await reading
    expect(records[0]?.outcome).toBe('aborted')
  })

  it('is-no-trouble-when-a-record-cannot-be-taken', async () => {
    const store = await openStoreRef(memoryStore({ byteLength: 8 }))
    const layer = traceStore(store, () => {
      throw new Error('full')
    })
    // A store that answers at once still does.
    expect(layer.write?.(0, Uint8Array.of(5), noSignal)).toBe(undefined)
    const target = new Uint8Array(1)
    expect(layer.read(0, target, noSignal)).toBe(undefined)
    expect(target[0]).toBe(5)
    expect(() => layer.read(9, target, noSignal)).toThrow('not inside')
  })
})

describe('trace', () => {
  it('appends-lines-of-json-to-a-file', async () => {
    const file = temporaryFile()
    const ref = trace(memoryStore({ byteLength: 64 }), { path: file, label: 'points' })
    for (let opening = 0; opening < 2; opening++) {
      const store = await openStoreRef(structuredClone(ref))
      await store.write?.(16, new Uint8Array(8), noSignal)
      await store.close()
    }
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const records = lines.map((line) => JSON.parse(line) as TraceRecord & { store: string })
    expect(records.map(({ store, op, offset }) => [store, op, offset])).toEqual([
      ['points', 'write', 16],
      ['points', 'close', 0],
      ['points', 'write', 16],
      ['points', 'close', 0],
    ])
    expect(records[0]?.startUs).toBeGreaterThan(1.6e15)
  })

  it('fails-to-open-where-its-file-cannot-be-opened', async () => {
    const ref = trace(memoryStore({ byteLength: 1 }), { path: '/no/such/directory/calls.jsonl' })
    await expect(openStoreRef(ref)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('names-options-that-are-wrong', () => {
    const memory = memoryStore({ byteLength: 1 })
    expect(() => trace(memory, { path: '' })).toThrow('path')
    expect(() => trace(memory, { label: 7 } as object)).toThrow('label')
    expect(() => trace(memory, { file: 'x' } as object)).toThrow('no option named file')
  })
})

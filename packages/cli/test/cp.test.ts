// `umap cp` between files and stores of JavaScript modules: what arrives, what is refused, what is
// said.

import {
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeWorkplace, testStore } from './run-cp.ts'
import { mainPath, runProgram } from './run-umap.ts'
import { patternBytes } from './stores/pattern-store.mjs'

const kibibyte = 1024
const from = { byteLength: 1000 * kibibyte + 77, seed: 1 }

function patternFile(file: string, options = from): Buffer {
  const bytes = patternBytes(options)
  writeFileSync(file, bytes)
  return bytes
}

describe('umap cp', () => {
  it('copies-a-file-to-a-file-that-was-not-there', async () => {
    const place = makeWorkplace()
    const bytes = patternFile(place.path('a'))
    const ended = await place.cp(['a', 'b'])
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/^copied 1,000 KiB in \d+ s: /)
    expect(ended.stdout).toContain('all verified')
    expect(ended.stderr).toMatch(/^copying: 0 %, 0 bytes of /)
    expect(readFileSync(place.path('b')).equals(bytes)).toBe(true)
    expect(place.journals()).toEqual([])
  })

  it('copies-an-empty-store', async () => {
    const place = makeWorkplace()
    writeFileSync(place.path('a'), '')
    const ended = await place.cp(['a', 'b', '--json'])
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({ byteLength: 0, verifiedBytes: 0 })
    expect(statSync(place.path('b')).size).toBe(0)
  })

  it('leaves-holes-as-holes', async () => {
    const place = makeWorkplace()
    const byteLength = 64 * 2 ** 20
    writeFileSync(place.path('a'), '')
    truncateSync(place.path('a'), byteLength)
    // Data at odd places: 1 byte at the start of a block, and 5000 across two.
    const data = Buffer.alloc(byteLength)
    data[40 * 2 ** 20] = 1
    data.fill(7, 9_000_000, 9_005_000)
    writeFileSync(place.path('a'), data)
    const ended = await place.cp(['file:a', 'file:b', '--json'])
    expect(ended.code).toBe(0)
    const { writtenBytes, holeBytes } = JSON.parse(ended.stdout)
    expect({ writtenBytes, holeBytes }).toEqual({
      writtenBytes: 3 * 4096,
      holeBytes: byteLength - 3 * 4096,
    })
    expect(statSync(place.path('b')).blocks * 512).toBeLessThanOrEqual(64 * kibibyte)
    expect(readFileSync(place.path('b')).equals(data)).toBe(true)
  })

  it('copies-between-stores-of-modules', async () => {
    const place = makeWorkplace()
    const to = testStore('forgetful-store', { path: place.path('b') })
    const ended = await place.cp([testStore('pattern-store', from), to, '--create', '--json'])
    expect(ended).toMatchObject({ code: 0 })
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'done',
      byteLength: from.byteLength,
      holeBytes: 4 * 64 * kibibyte,
      verifiedBytes: from.byteLength,
    })
    expect(readFileSync(place.path('b')).equals(patternBytes(from))).toBe(true)
  })

  it('takes-a-JSON-file-whose-module-is-relative-to-it', async () => {
    const place = makeWorkplace()
    const stores = path.join(import.meta.dirname, 'stores')
    mkdirSync(place.path('elsewhere'))
    symlinkSync(path.join(stores, 'pattern-store.mjs'), place.path('elsewhere/pattern.mjs'))
    const reference = { module: './pattern.mjs', options: from }
    writeFileSync(place.path('elsewhere/from.json'), JSON.stringify(reference))
    const ended = await place.cp(['elsewhere/from.json', 'b'])
    expect(ended.code).toBe(0)
    expect(readFileSync(place.path('b')).equals(patternBytes(from))).toBe(true)
  })

  it('grows-a-smaller-TO-and-overwrites-only-with-force', async () => {
    const place = makeWorkplace()
    const bytes = patternFile(place.path('a'))
    writeFileSync(place.path('b'), '')
    expect((await place.cp(['a', 'b'])).code).toBe(0)
    const again = await place.cp(['a', 'b'])
    expect(again).toMatchObject({ code: 1, stdout: '' })
    expect(again.stderr).toMatch(/TO \(b\) holds data from byte 0 on \(CP_NOT_EMPTY\)\n/)
    expect(again.stderr).toMatch(/umap: --force overwrites it\n$/)

    writeFileSync(place.path('b'), Buffer.alloc(bytes.length, 0xff))
    expect((await place.cp(['a', 'b', '--force'])).code).toBe(0)
    expect(readFileSync(place.path('b')).equals(bytes)).toBe(true)
  })

  it('finds-a-byte-that-TO-does-not-keep', async () => {
    const place = makeWorkplace()
    const to = testStore('forgetful-store', { path: place.path('b') })
    const args = [testStore('pattern-store', from), to, '--create', '--json']
    const ended = await place.cp(args, { env: { TEST_WRONG_BYTE_AT: '70000' } })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/gave back other bytes .* at byte 65536 \(CP_VERIFY\)/)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      status: 'failed',
      error: { code: 'CP_VERIFY' },
      resumableBytes: from.byteLength - 64 * kibibyte,
    })
    const healed = await place.cp(args)
    expect(JSON.parse(healed.stdout)).toMatchObject({ writtenBytes: 64 * kibibyte })
    expect(readFileSync(place.path('b')).equals(patternBytes(from))).toBe(true)
  })
})

describe('progress of umap cp', () => {
  it('is-a-bar-with-rate-and-time-left-on-a-terminal', () => {
    const place = makeWorkplace()
    const to = testStore('forgetful-store', { path: place.path('b') })
    const command = [mainPath, 'cp', testStore('pattern-store', from), to, '--create']
    const spawn = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)'
    const ended = runProgram('python3', ['-c', spawn, process.execPath, ...command], {
      env: { ...process.env, XDG_STATE_HOME: place.path('state'), TEST_WRITE_DELAY_MS: '200' },
    })
    expect(ended.code).toBe(0)
    expect(ended.stdout).toMatch(
      /copying \[=+ +\] \d+ % [\d.,]+ KiB of 1,000 KiB, .*\/s, \d+ s left/,
    )
    expect(ended.stdout).toMatch(/verifying \[/)
    expect(ended.stdout).toMatch(/copied 1,000 KiB in [^\n]*\n$/)
  })

  it('is-nothing-when-quiet', async () => {
    const place = makeWorkplace()
    const ended = await place.cp([testStore('pattern-store', from), 'b', '--quiet'])
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('umap cp refuses', () => {
  it.each([
    [['a'], 'cp needs TO'],
    [[], 'cp needs FROM and TO'],
    [['a', 'b', 'c'], "cp takes FROM and TO, not 'c' as well"],
    [['a', 'b', '--verify', 'most'], "option '--verify' must be none, to or both, not 'most'"],
    [
      ['a', 'b', '--concurrency', '0'],
      "option '--concurrency' must be a whole number from 1 on, not '0'",
    ],
    [
      ['a', 'b', '--create', '--no-create'],
      "options '--create' and '--no-create' contradict each other",
    ],
    [
      ['gopher:x', 'b'],
      "FROM has the unknown scheme 'gopher:'; known are file, sqlite, s3; a file is ./gopher:…",
    ],
    [
      ['a', 's3://bucket/key'],
      'TO (s3://bucket/key) names one object, which is never changed; end it with / for a data set',
    ],
    [['a', 's3://bucket'], /^umap: TO must have the form s3:\/\/BUCKET\/KEY/],
    [['sqlite:x?nmae=y', 'b'], "unknown parameter 'nmae' after ?; known are: name, pageBytes"],
    [['{ "modul": "x" }', 'b'], "FROM: the JSON has the unknown property 'modul'"],
    [['none.json', 'b'], /FROM ends with .json, and there is no such file/],
  ])('%j with exit code 2', async (args, message) => {
    const ended = await makeWorkplace().cp(args)
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' })
    if (message instanceof RegExp) expect(ended.stderr).toMatch(message)
    else expect(ended.stderr).toContain(`umap: ${message} (see umap`)
  })

  it('what-is-not-there-or-does-not-fit', async () => {
    const place = makeWorkplace()
    patternFile(place.path('a'))
    writeFileSync(place.path('longer'), Buffer.alloc(from.byteLength + 1))
    symlinkSync('a', place.path('link'))
    const cases: [string[], RegExp][] = [
      [['none', 'b'], /^umap: FROM \(none\): there is no file .* \(ENOENT\)\n$/],
      [['a', 'b', '--no-create'], /^umap: TO \(b\): there is no file .* \(ENOENT\)\n$/],
      [['a', 'longer'], /^umap: TO \(longer\) has 1024078 bytes, FROM has 1024077 \(CP_SIZE\)\n/],
      [['a', './a'], /\(CP_SAME\)\n$/],
      [['a', 'link'], /\(CP_SAME\)\n$/],
      [
        ['{"module":"@umap/store-none"}', 'b'],
        /\(STORE_MODULE\)\numap: npm install @umap\/store-none\n$/,
      ],
      [['a', 'b', '--journal', 'a/journal'], /\(CP_JOURNAL\)\numap: --journal FILE keeps it/],
    ]
    for (const [args, message] of cases) {
      const ended = await place.cp([...args, '--quiet'])
      expect({ args, code: ended.code, stdout: ended.stdout }).toEqual({
        args,
        code: 1,
        stdout: '',
      })
      expect(ended.stderr).toMatch(message)
    }
  })

  it('to-print-what-options-hold', async () => {
    const place = makeWorkplace()
    const secret = 'marker-5ecret'
    const source = testStore('pattern-store', { ...from, secret, failAt: 300_000 })
    const outputs = [
      await place.cp([source, 'b', '--json']),
      await place.cp([source.slice(0, -1), 'b']),
      await place.cp([source.replace('pattern', 'nothing'), 'b', '--json']),
      await place.cp([testStore('pattern-store', { ...from, secret }), 'c', '--json']),
    ]
    expect(outputs.map(({ code }) => code)).toEqual([1, 2, 1, 0])
    expect(outputs[0]?.stderr).toContain('the source is gone (PATTERN_GONE)')
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain(secret)
  })
})

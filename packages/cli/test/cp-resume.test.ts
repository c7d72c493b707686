// An interrupted `umap cp` goes on where it stopped: after SIGKILL at any call, after Ctrl-C, after
// a full TO; and it notices when FROM or TO have changed meanwhile.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { makeWorkplace, testStore, type Workplace } from './run-cp.ts'
import { patternBytes } from './stores/pattern-store.mjs'

const partBytes = 65_536
const from = { byteLength: 40 * partBytes - 1000, seed: 2 }
const isEqual = (place: Workplace, options = from) =>
  readFileSync(place.path('b')).equals(patternBytes(options))

// TO forgets what it did not flush, so that a chunk that the journal names too early is lost.
function args(place: Workplace, ...more: string[]): string[] {
  const to = testStore('forgetful-store', { path: place.path('b') })
  const small = ['--flush-bytes', String(4 * partBytes), '--create', '--json']
  return [testStore('pattern-store', from), to, ...small, ...more]
}

describe('an interrupted umap cp', () => {
  it('loses-nothing-by-SIGKILL-at-any-call', async () => {
    const seed = Number(process.env.UMAP_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))
    console.log(`UMAP_TEST_SEED=${seed}`)
    let state = seed
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    for (let round = 0; round < 3; round++) {
      const place = makeWorkplace()
      let kills = 0
      let resumed = 0
      for (;;) {
        const env = { TEST_KILL_AT_CALL: String(1 + random(20)) }
        // Without verifying, so that nothing but the journal says what need not be copied.
        const ended = await place.cp(args(place, '--verify', 'none'), kills < 6 ? { env } : {})
        if (ended.signal === 'SIGKILL') {
          kills += 1
          continue
        }
        expect(ended.code).toBe(0)
        resumed = JSON.parse(ended.stdout).resumedBytes
        break
      }
      expect(kills).toBeGreaterThan(0)
      expect(resumed).toBeGreaterThan(0)
      expect(isEqual(place)).toBe(true)
    }
  })

  it('is-resumed-from-a-journal-with-a-torn-end', async () => {
    const place = makeWorkplace()
    const journal = place.path('journal')
    const command = args(place, '--verify', 'none', '--journal', journal)
    await place.cp(command, { env: { TEST_KILL_AT_CALL: '30' } })
    const whole = readFileSync(journal, 'utf8')
    const lines = whole.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(2)
    // Half of a line, and then one that is whole: neither is believed.
    const [last = '', ...rest] = lines.reverse()
    const kept = rest.reverse().join('\n')
    writeFileSync(journal, `${kept}\n${last.slice(0, last.length / 2)}\n${last}\n`)
    const { resumedBytes } = JSON.parse((await place.cp(command)).stdout)
    const entries = kept
      .split('\n')
      .slice(1)
      .flatMap((line) => JSON.parse(line.slice(0, line.lastIndexOf(' '))))
    expect(resumedBytes).toBe(entries.length * partBytes)
    expect(isEqual(place)).toBe(true)
  })

  it('ends-cleanly-on-Ctrl-C-and-says-how-to-go-on', async () => {
    const place = makeWorkplace()
    const ended = await place.cp(args(place), {
      env: { TEST_WRITE_DELAY_MS: '20' },
      onStart: (child) =>
        child.stderr?.on('data', (text: Buffer) => {
          if (text.includes('copying')) child.kill('SIGINT')
        }),
    })
    expect({ code: ended.code, signal: ended.signal }).toEqual({ code: 1, signal: null })
    expect(ended.stderr).toMatch(
      /umap: interrupted \(CP_INTERRUPTED\)\numap: .* durable in TO; the same command goes on/,
    )
    const { status, isResumable, resumableBytes } = JSON.parse(ended.stdout)
    expect({ status, isResumable }).toEqual({ status: 'interrupted', isResumable: true })
    expect(resumableBytes).toBeGreaterThan(0)
    const resumed = JSON.parse((await place.cp(args(place))).stdout)
    expect(resumed).toMatchObject({ resumedBytes: resumableBytes, verifiedBytes: from.byteLength })
    expect(isEqual(place)).toBe(true)
  })

  it('goes-on-once-a-full-TO-has-room', async () => {
    const place = makeWorkplace()
    const env = { TEST_ROOM_BYTES: String(17 * partBytes) }
    const full = await place.cp(args(place), { env })
    expect(full.code).toBe(1)
    expect(full.stderr).toMatch(
      /umap: TO \(.*\): no space left on device \(ENOSPC\)\numap: .*goes on/,
    )
    const { resumableBytes } = JSON.parse(full.stdout)
    expect(resumableBytes).toBeGreaterThanOrEqual(16 * partBytes)
    const resumed = JSON.parse((await place.cp(args(place))).stdout)
    expect(resumed.resumedBytes).toBe(resumableBytes)
    expect(isEqual(place)).toBe(true)
    expect(place.journals()).toEqual([])
  })

  it('refuses-another-FROM', async () => {
    const place = makeWorkplace()
    const command = (options: object, ...more: string[]) => [
      testStore('pattern-store', options),
      ...args(place, ...more).slice(1),
    ]
    await place.cp(command(from), { env: { TEST_KILL_AT_CALL: '9' } })
    const other = await place.cp(command({ ...from, seed: 3 }))
    expect(other.stderr).toMatch(/unfinished copy of another FROM \(CP_NOT_EMPTY\)\numap: --force /)
    const forced = await place.cp(command({ ...from, seed: 3 }, '--force'))
    expect(forced.code).toBe(0)
    expect(isEqual(place, { ...from, seed: 3 })).toBe(true)
  })

  it('refuses-a-FROM-that-has-another-version', async () => {
    const place = makeWorkplace()
    const env = { TEST_PATTERN_VERSION: 'one' }
    await place.cp(args(place), { env: { ...env, TEST_KILL_AT_CALL: '9' } })
    const changed = await place.cp(args(place), { env: { TEST_PATTERN_VERSION: 'two' } })
    expect(changed.stderr).toMatch(/FROM has changed since .* \(CP_SOURCE_CHANGED\)\numap: --force/)
    expect((await place.cp(args(place), { env })).code).toBe(0)
    expect(isEqual(place)).toBe(true)
  })

  it('copies-again-what-changed-meanwhile-in-a-FROM-without-versions', async () => {
    const place = makeWorkplace()
    const command = ['a', ...args(place).slice(1)]
    const bytes = patternBytes(from)
    writeFileSync(place.path('a'), bytes)
    await place.cp(command, { env: { TEST_KILL_AT_CALL: '20' } })
    // Every part, for nobody knows which of them had arrived.
    for (let at = 5; at < bytes.byteLength; at += partBytes) bytes[at] ^= 0xff
    bytes.fill(0, 2 * partBytes, 3 * partBytes)
    writeFileSync(place.path('a'), bytes)
    const ended = await place.cp(command)
    const { recopiedBytes, verifiedBytes } = JSON.parse(ended.stdout)
    expect(recopiedBytes).toBeGreaterThan(0)
    expect(verifiedBytes).toBe(from.byteLength)
    expect(readFileSync(place.path('b')).equals(bytes)).toBe(true)
  })

  it('gives-up-on-a-FROM-that-does-not-hold-still-where-it-is-asked-to-look', async () => {
    const place = makeWorkplace()
    const env = { TEST_UNSTEADY: '1' }
    const ended = await place.cp(args(place, '--verify', 'both'), { env })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(
      /FROM changes while it is copied \(CP_SOURCE_CHANGED\)\numap: copy a /,
    )
  })

  it('leaves-a-file-alone-that-is-no-journal', async () => {
    const place = makeWorkplace()
    writeFileSync(place.path('letter'), 'Dear Sir')
    for (const more of [[], ['--force']]) {
      const ended = await place.cp(args(place, '--journal', 'letter', ...more))
      expect(ended.code).toBe(1)
      expect(ended.stderr).toMatch(/letter is there, and is no journal of umap cp \(CP_JOURNAL\)/)
    }
    expect(readFileSync(place.path('letter'), 'utf8')).toBe('Dear Sir')
  })

  it('believes-no-journal-of-a-TO-that-was-removed-or-changed', async () => {
    const removed = makeWorkplace()
    await removed.cp(args(removed), { env: { TEST_KILL_AT_CALL: '20' } })
    rmSync(removed.path('b'))
    const anew = JSON.parse((await removed.cp(args(removed))).stdout)
    expect(anew.resumedBytes).toBe(0)
    expect(isEqual(removed)).toBe(true)

    const changed = makeWorkplace()
    await changed.cp(args(changed), { env: { TEST_KILL_AT_CALL: '20' } })
    writeFileSync(changed.path('b'), Buffer.alloc(from.byteLength, 0xee))
    const healed = JSON.parse((await changed.cp(args(changed))).stdout)
    expect(healed.recopiedBytes).toBe(healed.resumedBytes)
    expect(healed.recopiedBytes).toBeGreaterThan(0)
    expect(isEqual(changed)).toBe(true)
  })
})

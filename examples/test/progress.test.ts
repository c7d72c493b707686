// A bar on a terminal, plain lines elsewhere.

import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Progress } from '../dist/demo/progress.js'

function makeStream(isTTY: boolean): { stream: NodeJS.WriteStream; output: () => string } {
  let output = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      output += chunk
      done()
    },
  })
  return {
    stream: Object.assign(stream, { isTTY, columns: 40 }) as unknown as NodeJS.WriteStream,
    output: () => output,
  }
}

describe('Progress', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('writes-a-plain-line-every-five-seconds-and-at-the-end', () => {
    const { stream, output } = makeStream(false)
    const progress = new Progress(stream)
    progress.start('sort', 100)
    progress.advance(10)
    vi.advanceTimersByTime(5000)
    progress.advance(32)
    progress.advance(1)
    vi.advanceTimersByTime(1500)
    expect(progress.finish('done')).toBe(6.5)
    expect(output()).toBe('sort: 42 %\nsort: done (6.5 s)\n')
  })

  it('draws-a-bar-on-a-terminal-and-replaces-it-by-a-line', () => {
    const { stream, output } = makeStream(true)
    const progress = new Progress(stream)
    progress.start('sort', 4)
    vi.advanceTimersByTime(100)
    progress.advance(2)
    progress.finish('done')
    const frames = output().split('\x1b[2K\x1b[1G')
    expect(frames).toEqual([
      '',
      `sort ${'░'.repeat(28)} 0 %`,
      `sort ${'█'.repeat(14)}${'░'.repeat(14)} 50 %`,
      'sort: done (0.1 s)\n',
    ])
  })

  it('never-wraps-a-line-or-passes-the-end', () => {
    const { stream, output } = makeStream(true)
    const progress = new Progress(stream)
    progress.start('a task with a name that takes most of the line', 1)
    vi.advanceTimersByTime(100)
    progress.advance(5)
    for (const frame of output().split('\x1b[2K\x1b[1G')) {
      expect(frame.length).toBeLessThanOrEqual(40)
      expect(frame).not.toContain('500')
    }
  })
})

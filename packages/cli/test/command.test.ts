// The command line of `umap`: what it takes, what it refuses, and the exit codes.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runUmap } from './run-umap.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

describe('umap', () => {
  it.each([['--help'], ['-h']])('explains itself on %s', (option) => {
    const { code, stdout, stderr } = runUmap(option)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: umap COMMAND/)
    expect(stdout).toContain('doctor')
  })

  it('explains a command', () => {
    const { code, stdout } = runUmap('doctor', '--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: umap doctor \[--json\]/)
  })

  it('says its version', () => {
    expect(runUmap('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  it.each([
    [[], 'no command is given'],
    [['serve'], 'serve needs CONFIG'],
    [['serve', 'a.json', 'b.json'], "serve takes one CONFIG, not 'b.json' too"],
    [['stat'], 'stat needs SOCKET'],
    [['stat', 'a.sock', 'b.sock'], "stat takes one SOCKET, not 'b.sock' too"],
    [
      ['stat', '--interval', '0', 'a.sock'],
      "option '--interval' must be seconds from 0.1 to 3600, not '0'",
    ],
    [['copy', 'a', 'b'], "unknown command 'copy'"],
    [['--json'], "unknown option '--json'"],
    [['doctor', '--jsno'], "unknown option '--jsno'"],
    [['doctor', '-x'], "unknown option '-x'"],
    [['doctor', '--json=yes'], "option '--json' does not take an argument"],
    [['doctor', 'now'], "doctor takes no argument, but was given 'now'"],
  ])('refuses %j with exit code 2 and names the argument', (args, message) => {
    const { code, stdout, stderr } = runUmap(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toBe(`umap: ${message} (see umap --help)\n`)
  })
})

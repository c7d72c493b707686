// Shows a text again and again: in the same place on a terminal, one after the other elsewhere.

import { clearScreenDown, cursorTo } from 'node:readline'
import type { OutputStream } from '../run.ts'

/** Shows `text`, which ends with a line break, in the place of the last one. */
export type Show = (text: string) => void

/** A display that suits `stream`. */
export function makeLiveDisplay(stream: OutputStream): Show {
  if (stream.isTTY !== true || !('columns' in stream)) {
    let isFirst = true
    return (text) => {
      stream.write(isFirst ? text : `\n${text}`)
      isFirst = false
    }
  }
  const terminal = stream as unknown as NodeJS.WriteStream
  return (text) => {
    cursorTo(terminal, 0, 0)
    clearScreenDown(terminal)
    terminal.write(fit(text, terminal.columns, terminal.rows))
  }
}

// What is too wide would wrap, and what is too long would scroll: both make the next one jump.
function fit(text: string, columns: number, rows: number): string {
  const lines = text.trimEnd().split('\n')
  const shown = lines.length < rows ? lines : lines.slice(0, rows - 1)
  return shown.map((line) => `${line.slice(0, columns)}\n`).join('')
}

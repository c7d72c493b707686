// Puts cells of text into columns that are as wide as they must be. Pure.

/** A column; numbers stand to the right. */
export interface Column {
  readonly title: string
  readonly align?: 'left'
}

const gap = '  '

/** Lines without line breaks, the titles first. */
export function formatTable(columns: readonly Column[], rows: readonly string[][]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows]
  const widths = columns.map((_column, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  )
  return lines.map((line) =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return columns[index]?.align === 'left' ? cell.padEnd(width) : cell.padStart(width)
      })
      .join(gap)
      .trimEnd(),
  )
}

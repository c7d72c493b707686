// Rules about what a file may be called: a name says what is inside.

/** @typedef {{ line: number, why: string }} Finding */

const emptyWords = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'common', 'misc'])

const conventions = [
  { files: /\.(ts|mts|mjs)$/, stem: /^[a-z0-9]+([-.][a-z0-9]+)*$/, name: 'kebab-case' },
  { files: /\.(cc|h)$/, stem: /^[a-z0-9]+(_[a-z0-9]+)*$/, name: 'snake_case' },
]

/**
 * @param {string} path relative to the root
 * @returns {Finding[]}
 */
export function checkName(path) {
  /** @type {Finding[]} */
  const findings = []
  for (const word of path.toLowerCase().split(/[/._-]/)) {
    if (emptyWords.has(word)) {
      findings.push({ line: 1, why: `"${word}" in a path says nothing: name what the file does` })
    }
  }
  const file = path.slice(path.lastIndexOf('/') + 1)
  for (const { files, stem, name } of conventions) {
    if (files.test(file) && !stem.test(file.replace(files, ''))) {
      findings.push({ line: 1, why: `file names of this kind are ${name}` })
    }
  }
  return findings
}

// Rules about the text of a file: size, width, heads, and what must not be left in it.

/** @typedef {import('./file-names.mjs').Finding} Finding */

const sourceLinesMax = 500
const cppColumnsMax = 100
const cppFunctionLinesMax = 70

const isSource = (/** @type {string} */ path) => /\.(ts|mts|mjs|js|cc|h)$/.test(path)
const isCpp = (/** @type {string} */ path) => /\.(cc|h)$/.test(path)
const isTest = (/** @type {string} */ path) => /(^|\/)test\//.test(path)
// Generated, or text that others wrote.
const isExempt = (/** @type {string} */ path) => /(^|\/)(package-lock\.json|LICENSE)$/.test(path)

/**
 * @param {string} path relative to the root
 * @param {string} text
 * @returns {Finding[]}
 */
export function checkText(path, text) {
  if (path.endsWith('package-lock.json')) return checkLockFile(text)
  if (isExempt(path)) return []
  const lines = text.split('\n')
  return [
    ...checkLines(path, lines),
    ...(isSource(path) ? checkSize(path, lines) : []),
    ...(path.endsWith('.cc') ? checkFunctions(lines) : []),
  ]
}

/**
 * The lock file must serve behind any registry or mirror.
 * @param {string} text
 * @returns {Finding[]}
 */
function checkLockFile(text) {
  const why = 'the lock file names a registry: see omit-lockfile-registry-resolved'
  /** @type {Finding[]} */
  const findings = []
  for (const [index, content] of text.split('\n').entries()) {
    if (/"resolved": "http/.test(content)) findings.push({ line: index + 1, why })
  }
  return findings
}

/**
 * @param {string} path
 * @param {string[]} lines
 * @returns {Finding[]}
 */
function checkLines(path, lines) {
  /** @type {Finding[]} */
  const findings = []
  for (const [index, content] of lines.entries()) {
    const report = (/** @type {string} */ why) => findings.push({ line: index + 1, why })
    if (/[ \t\r]$/.test(content)) report('white space at the end of the line')
    // Written so that this file passes its own rule.
    if (/\b(?:TO[D]O|FIX[M]E|X[X]X)\b/.test(content)) report('unfinished work: do it or drop it')
    if (isCpp(path) && [...content].length > cppColumnsMax) {
      report(`more than ${cppColumnsMax} columns`)
    }
    const call = /^\s*(?:it|test|describe|suite)(?:\.\w+)*\.(only|skip|todo)\b/.exec(content)
    if (call !== null && isTest(path)) {
      const reason = `${lines[index - 1] ?? ''} ${content}`
      if (call[1] !== 'skip' || !/\/\/ skipped: \S/.test(reason)) {
        report(`.${call[1]} keeps tests from running (for .skip, give "// skipped: why")`)
      }
    }
  }
  return findings
}

/**
 * @param {string} path
 * @param {string[]} lines
 * @returns {Finding[]}
 */
function checkSize(path, lines) {
  /** @type {Finding[]} */
  const findings = []
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  if (count > sourceLinesMax) {
    findings.push({ line: count, why: `${count} lines, at most ${sourceLinesMax}: split it` })
  }
  if (!isTest(path) && !/^(\/\/|\/\*|#!)/.test(lines[0] ?? '')) {
    findings.push({ line: 1, why: 'no head: say what the file is for and what it must not do' })
  }
  return findings
}

/**
 * Finds C++ functions at namespace scope that are too long. It goes by our formatting: such a
 * definition starts in column 1, ends its first lines with `{`, and closes with `}` in column 1.
 * @param {string[]} lines
 * @returns {Finding[]}
 */
function checkFunctions(lines) {
  /** @type {Finding[]} */
  const findings = []
  let start = -1
  for (const [index, content] of lines.entries()) {
    if (/^(namespace|class|struct|union|enum|extern|#|\/\/)/.test(content)) start = -1
    else if (/^[A-Za-z].*\(/.test(content)) start = index
    else if (/^\}/.test(content) && start >= 0) {
      const count = index - start + 1
      if (count > cppFunctionLinesMax) {
        const why = `function of ${count} lines, at most ${cppFunctionLinesMax}`
        findings.push({ line: start + 1, why })
      }
      start = -1
    }
  }
  return findings
}

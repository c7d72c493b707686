// `npm run audit`: asks the registry for known weaknesses of what the published packages depend on.
// Fails where there are some. A registry that does not answer is named, loudly, and is no success.
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { root } from './child.mjs'

/** What `npm run audit` ends with. */
export const auditExitCodes = { clean: 0, found: 1, unanswered: 2 }

/**
 * What npm's answer says: the findings, one line each, or why there is no answer.
 * @param {string} output of `npm audit --json`
 * @returns {{ findings: string[] } | { unanswered: string }}
 */
export function readAudit(output) {
  const answer = parse(output)
  if (typeof answer?.vulnerabilities === 'object' && answer.vulnerabilities !== null) {
    const findings = Object.entries(answer.vulnerabilities).map(
      ([name, { severity, range, via }]) => {
        const reasons = via.map((/** @type {string | { title: string, url: string }} */ reason) =>
          typeof reason === 'string' ? `by ${reason}` : `${reason.title} (${reason.url})`,
        )
        return `${name} ${range}, ${severity}: ${reasons.join('; ')}`
      },
    )
    return { findings }
  }
  const status = answer?.statusCode === undefined ? '' : `status ${answer.statusCode}`
  return { unanswered: answer?.error?.summary || answer?.message || status || 'no answer' }
}

/**
 * @param {string} text
 * @returns {any} undefined where it is no JSON
 */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Asks, says what was found, and returns one of {@link auditExitCodes}. */
export function audit() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env
  const args = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000']
  const options = /** @type {const} */ ({ cwd: root, encoding: 'utf8' })
  const { stdout } =
    npm !== undefined && node !== undefined
      ? spawnSync(node, [npm, ...args], options)
      : spawnSync('npm', args, options)
  const result = readAudit(stdout ?? '')
  if ('unanswered' in result) {
    console.warn(`umap: the dependencies were NOT AUDITED: the registry said: ${result.unanswered}`)
    const { UMAP_TEST_SKIPS: skips } = process.env
    if (skips !== undefined) {
      appendFileSync(skips, `npm audit\tthe registry does not answer: ${result.unanswered}\n`)
    }
    return auditExitCodes.unanswered
  }
  for (const finding of result.findings) console.error(`umap: ${finding}`)
  const count = result.findings.length
  console.log(count === 0 ? 'no known weakness in a dependency' : `${count} dependencies are weak`)
  return count === 0 ? auditExitCodes.clean : auditExitCodes.found
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = audit()
}

// What the audit makes of npm's answers: findings, none, and none that says anything.
import { describe, expect, it } from 'vitest'
import { readAudit } from '../audit.mjs'

describe('the answer to an audit', () => {
  it('names-each-weak-dependency', () => {
    const advisory = { title: 'reads beyond its end', url: 'https://example.org/1' }
    const vulnerabilities = {
      leaf: { severity: 'high', range: '<1.2.3', via: [advisory] },
      stem: { severity: 'high', range: '*', via: ['leaf'] },
    }
    expect(readAudit(JSON.stringify({ auditReportVersion: 2, vulnerabilities }))).toEqual({
      findings: [
        'leaf <1.2.3, high: reads beyond its end (https://example.org/1)',
        'stem *, high: by leaf',
      ],
    })
  })

  it('is-clean-where-there-are-none', () => {
    const answer = { auditReportVersion: 2, vulnerabilities: {} }
    expect(readAudit(JSON.stringify(answer))).toEqual({ findings: [] })
  })

  it('is-none-where-the-registry-refuses-or-is-away', () => {
    const refusal = { message: '405 Method Not Allowed', statusCode: 405, error: { summary: '' } }
    expect(readAudit(JSON.stringify(refusal))).toEqual({ unanswered: '405 Method Not Allowed' })
    const failure = { error: { code: 'ENOTFOUND', summary: 'request failed' } }
    expect(readAudit(JSON.stringify(failure))).toEqual({ unanswered: 'request failed' })
    expect(readAudit('')).toEqual({ unanswered: 'no answer' })
    expect(readAudit('null')).toEqual({ unanswered: 'no answer' })
  })
})

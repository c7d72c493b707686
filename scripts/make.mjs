// `node scripts/make.mjs TARGET… [NAME=VALUE…]`: runs targets of packages/native/Makefile, which
// needs neither Node nor installed packages. One target after the other: two variants of the
// tests at once would disturb each other on a small machine.
import { run } from './child.mjs'

const args = process.argv.slice(2)
const variables = args.filter((arg) => arg.includes('='))

for (const target of args.filter((arg) => !arg.includes('='))) {
  const command = ['--no-print-directory', '-C', 'packages/native', '-j2', target, ...variables]
  const code = await run('make', command)
  if (code !== 0) process.exit(code)
}

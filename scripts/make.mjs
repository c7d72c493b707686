// `node scripts/make.mjs TARGET… [NAME=VALUE…]`: runs targets of packages/native/Makefile, which
// needs neither Node nor installed packages. Two jobs, because tests and sanitizers want memory.
import { run } from './child.mjs'

const args = process.argv.slice(2)
process.exitCode = await run('make', [
  '--no-print-directory',
  '-C',
  'packages/native',
  '-j2',
  ...args,
])

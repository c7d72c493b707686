// `node scripts/run.mjs FILE [ARG…]`: prepares the clone, then runs FILE (relative to the root)
// under the pinned Node with the rest of the arguments, and ends with its exit code.
import { runNode } from './child.mjs'
import { prepareOrExit } from './prepare.mjs'

const [file, ...args] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node scripts/run.mjs FILE [ARG…]')
  process.exit(2)
}
await prepareOrExit()
process.exitCode = await runNode(file, args)

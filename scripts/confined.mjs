// `npm run confined -- [--refuse WHAT] [--as-nobody] COMMAND [ARG…]`: runs a command as on a
// machine that refuses userfaultfd, or for a user without privilege, and ends with its exit code.
import { findObstacle, refusals, runConfined } from './confinement.mjs'
import { prepareOrExit } from './prepare.mjs'

const usage = `usage: npm run confined -- [--refuse WHAT] [--as-nobody] COMMAND [ARG…]
  --refuse all            userfaultfd is refused, as by the seccomp filters of containers
  --refuse missing        there is no userfaultfd, as in sandboxes and on other kernels
  --refuse kernel-faults  only what handles faults inside system calls is refused
  --as-nobody             COMMAND runs as user nobody, where root calls`

/** @param {string} why */
function exitWithUsage(why) {
  console.error(`umap: ${why}\n${usage}`)
  process.exit(2)
}

/** @type {import('./confinement.mjs').Confinement} */
const confinement = {}
const args = process.argv.slice(2)
while (args[0]?.startsWith('-')) {
  const option = args.shift()
  if (option === '--') break
  if (option === '--as-nobody') {
    confinement.asNobody = true
  } else if (option === '--refuse') {
    confinement.refuse = args.shift() ?? ''
    if (!refusals.includes(confinement.refuse)) {
      exitWithUsage(`--refuse is one of ${refusals.join(', ')}, not "${confinement.refuse}"`)
    }
  } else {
    exitWithUsage(`there is no option ${option}`)
  }
}
const [program, ...rest] = args
if (program === undefined) exitWithUsage('there is no command')

await prepareOrExit()
const obstacle = findObstacle(confinement)
if (obstacle !== undefined) {
  console.error(`umap: ${obstacle}`)
  process.exit(1)
}
process.exitCode = await runConfined(String(program), rest, confinement)

// A reporter of vitest that ends the run with what was not run, and why: tests that were skipped,
// and what else UMAP_TEST_SKIPS names (a line with what, a tab, and the reason). A test gives its
// reason to `context.skip(reason)`, or in a comment "// skipped: reason" right above `skipIf`.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root } from './child.mjs'

/** @typedef {import('vitest/node').TestCase} TestCase */
/** @typedef {import('vitest/node').TestSuite} TestSuite */

// Of those who share a reason, so many are named.
const namesMax = 3

/** As `reporters` of vitest's configuration wants it. */
export class SkipsReporter {
  /** @type {Map<string, string[]>} names by reason */
  #skipped = new Map()

  #isFiltered = false

  /** @param {readonly { name: string, reason: string }[]} [ways] that are left out */
  constructor(ways = []) {
    for (const { name, reason } of ways) this.#add(`TypeScript tests by ${name}`, reason)
  }

  /** @param {import('vitest/node').Vitest} vitest */
  onInit(vitest) {
    // What `-t` leaves out looks the same, and nobody asks why.
    this.#isFiltered = vitest.config.testNamePattern !== undefined
  }

  /** @param {ReadonlyArray<import('vitest/node').TestModule>} modules */
  onTestRunEnd(modules) {
    if (this.#isFiltered) return
    for (const module of modules) {
      const file = relative(root, module.moduleId)
      for (const test of module.children.allTests('skipped')) {
        this.#add(`${file} by ${module.project.name}: ${test.fullName}`, reasonOf(test))
      }
    }
    this.#addListed(process.env.UMAP_TEST_SKIPS)
    this.#print()
  }

  /**
   * @param {string} name
   * @param {string} reason
   */
  #add(name, reason) {
    this.#skipped.set(reason, [...(this.#skipped.get(reason) ?? []), name])
  }

  /** @param {string | undefined} file */
  #addListed(file) {
    if (file === undefined || !existsSync(file)) return
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [name, reason] = line.split('\t')
      if (name !== undefined && reason !== undefined) this.#add(name, reason)
    }
  }

  #print() {
    const count = [...this.#skipped.values()].flat().length
    if (count === 0) return
    console.log(`\nNot run (${count}), and why:`)
    for (const [reason, names] of this.#skipped) {
      console.log(`  ${reason}`)
      for (const name of names.slice(0, namesMax)) console.log(`    ${name}`)
      const more = names.length - namesMax
      if (more > 0) console.log(`    … and ${more} more`)
    }
  }
}

/** @param {TestCase} test */
function reasonOf(test) {
  const { note } = /** @type {{ note?: string }} */ (test.result())
  if (note !== undefined) return note
  const lines = readFileSync(test.module.moduleId, 'utf8').split('\n')
  /** @type {TestCase | TestSuite | import('vitest/node').TestModule} */
  let place = test
  for (; place.type !== 'module'; place = place.parent) {
    const reason = reasonAbove(lines, place.location?.line)
    if (reason !== undefined) return reason
  }
  return 'no reason is given'
}

/**
 * The comment that ends right above a line, from "skipped:" on.
 * @param {string[]} lines
 * @param {number | undefined} line counted from 1
 */
function reasonAbove(lines, line = 0) {
  const comment = []
  for (let index = line - 2; index >= 0; index--) {
    const text = /^\s*\/\/ (.*)$/.exec(lines[index] ?? '')?.[1]
    if (text === undefined) return undefined
    comment.unshift(text)
    if (text.startsWith('skipped: ')) return comment.join(' ').slice('skipped: '.length)
  }
  return undefined
}

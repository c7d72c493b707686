// The scenarios, in the order in which they run and are reported.
import type { Scenario } from './scenario.ts'
import { bfs } from './scenarios/bfs.ts'
import { fault } from './scenarios/fault.ts'
import { growth } from './scenarios/growth.ts'
import { hit } from './scenarios/hit.ts'
import { jsStore } from './scenarios/js-store.ts'
import { mixed } from './scenarios/mixed.ts'
import { nodeRandom } from './scenarios/node-random.ts'
import { nodeScan } from './scenarios/node-scan.ts'
import { pageSizesScenario } from './scenarios/page-sizes.ts'
import { randomCold } from './scenarios/random-cold.ts'
import { randomList } from './scenarios/random-list.ts'
import { randomWarm } from './scenarios/random-warm.ts'
import { randomWrite } from './scenarios/random-write.ts'
import { s3Random, s3Scan } from './scenarios/s3.ts'
import { scanCold } from './scenarios/scan-cold.ts'
import { scanWarm } from './scenarios/scan-warm.ts'
import { scanWrite } from './scenarios/scan-write.ts'
import { server } from './scenarios/server.ts'
import { sort } from './scenarios/sort.ts'
import { sqlite } from './scenarios/sqlite.ts'
import { threads } from './scenarios/threads.ts'
import { zipf } from './scenarios/zipf.ts'

/** What runs when no scenario is named. */
export const defaultScenarios: readonly Scenario[] = [
  fault,
  randomCold,
  randomList,
  randomWrite,
  scanCold,
  scanWarm,
  scanWrite,
  sort,
  bfs,
  zipf,
  mixed,
  hit,
  nodeRandom,
  nodeScan,
  jsStore,
  sqlite,
  s3Scan,
  s3Random,
  server,
  growth,
  threads,
  pageSizesScenario,
]

/** All that can be named. */
export const scenarios: readonly Scenario[] = [...defaultScenarios, randomWarm]

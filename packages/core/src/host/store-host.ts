// The mapping thread's side of its store host: starts the supervisor, opens and closes stores in
// it, and gives each a share of an arena. One host of each place a thread; it ends soon after its
// last store.

import { serialize } from 'node:v8'

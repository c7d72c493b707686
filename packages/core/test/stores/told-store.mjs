// A store over a file that does what a second file tells it, so that it can be told in another
// process too. What the next read is to do is a word in `orders`, taken out by who does it; what
// the store says for itself goes to `report`, one JSON a line.

import {
  appendFileSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

const forever = () => new Promise(() => {})

function say(options, report) {
  appendFileSync(options.report, `${JSON.stringify({ pid: process.pid, ...report })}\n`)
}

function descriptors() {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

// Only one of several readers gets the order, and nobody gets it twice.
function takeOrder({ orders }) {
  try {
    renameSync(orders, `${orders}.taken`)
  } catch {
    return ''
  }
  return readFileSync(`${orders}.taken`, 'utf8')
}

function isLetGo({ orders }) {
  try {
    return readFileSync(orders, 'utf8') === 'go on'
  } catch {
    return false
  }
}

async function obey(order, options) {
  switch (order) {
    case 'exit':
      process.exit(3)
      break
    case 'throw':
      setImmediate(() => {
        throw new Error('thrown in a callback of the store')
      })
      return forever()
    case 'abort':
      process.abort()
      break
    case 'kill':
      process.kill(process.pid, 'SIGKILL')
      return forever()
    case 'memory': {
      const hoard = []
      for (;;) hoard.push(new Array(1e6).fill(hoard.length + 0.5))
    }
    case 'disconnect':
      // Without these, it would end by itself.
      process.removeAllListeners('disconnect')
      process.disconnect()
      return forever()
    case 'log':
      console.log('the store says hello')
      return forever()
    case 'write':
      process.stderr.write('the store says hello\n')
      return forever()
    case 'hang':
      say(options, { hangs: true })
      while (!isLetGo(options)) await new Promise((resolve) => setTimeout(resolve, 10))
      break
  }
}

/** `kind`: 'sync' answers before it returns, 'async' by a promise, 'told' takes orders. */
export function openStore(options) {
  const { kind = 'told', path, concurrencyMax = 4, callBytesMax = 1 << 20 } = options
  const fd = openSync(path, 'r+')
  const readNow = (offset, target) => void readSync(fd, target, 0, target.byteLength, offset)
  const reads = {
    sync: readNow,
    async: async (offset, target) => readNow(offset, target),
    async told(offset, target) {
      await obey(takeOrder(options), options)
      readNow(offset, target)
    },
  }
  say(options, { opened: true, descriptors: descriptors(), mark: globalThis.markOfThePreload })
  return {
    byteLength: fstatSync(fd).size,
    capabilities: { writable: true, concurrencyMax, callBytesMax, atomicFlush: false },
    read: reads[kind],
    write(offset, source) {
      writeSync(fd, source, 0, source.byteLength, offset)
    },
    close() {
      say(options, { closed: true })
    },
  }
}

/** Tells the store of `options` what its next read is to do. */
export function tell({ orders }, order) {
  writeFileSync(`${orders}.new`, order)
  renameSync(`${orders}.new`, orders)
}

/** What the store has said so far. */
export function reports({ report }) {
  try {
    return readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  } catch {
    return []
  }
}

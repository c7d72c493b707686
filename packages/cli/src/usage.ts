// What `--help` prints.

/** The text of `--help`, for the program or for one command. */
export const usage = {
  umap: `Usage: umap COMMAND [OPTION…]

Maps data sets that are larger than memory. This command looks after the machine it runs on, after
data sets in stores and those who write stores, and serves data sets to many processes.

Commands:
  cp             copy a data set from one store to another
  doctor         say in which way this machine can page, and how to get a better one
  new-store      make a package for a store of your own, with tests that pass
  serve          page data sets for many processes, which share the memory
  stat           say what a server does

Options:
  -h, --help     show this text, or that of a command: umap COMMAND --help
  -v, --version  show the version

Exit codes: 0 done, 1 failed, 2 bad usage.
`,
  cp: `Usage: umap cp [OPTION…] FROM TO

Copies a data set between any two stores. Holes stay holes. What was copied is read back and
compared. A copy that was interrupted goes on where it stopped when the same command is given again.

FROM and TO are one of
  PATH, file:PATH           a file
  sqlite:PATH?name=NAME     a data set in an SQLite database
  s3://BUCKET/KEY           one object, as FROM only
  s3://BUCKET/PREFIX/       a data set of chunk objects; ?endpoint=URL&region=NAME&profile=NAME
  FILE.json                 any store: { "module": …, "options": … }, a module relative to the file
  '{ "module": … }'         the same, relative to the working directory

A TO that is not there is made, one that is smaller grows; one that holds data is refused.

Options:
      --create              make TO for a JSON reference too, by its options create and byteLength
      --no-create           TO must be there, with the size of FROM
      --force               overwrite a TO that holds data, or an unfinished copy
      --verify MODE         to: read TO back (default); both: FROM once more too; none
      --concurrency N       at most N calls in flight for each store
      --flush-bytes N       make TO durable after every N bytes (default 256 MiB)
      --journal FILE        keep the journal of the copy there
      --json                print the result as JSON
  -q, --quiet               show no progress
  -h, --help                show this text

Exit codes: 0 copied, 1 failed or interrupted, 2 bad usage.
`,
  'new-store': `Usage: umap new-store [--js] NAME

Makes the directory NAME with a package for a store of your own: openStore, a factory, options,
errors, a README, and the conformance suite as its tests, which pass at once. It keeps blocks in
files of a directory; put your back end in the place of that.

NAME is the package's name too: lower case letters, digits and hyphens. Nothing is overwritten.

Options:
      --js       plain JavaScript (.mjs) instead of TypeScript
  -h, --help     show this text

Exit codes: 0 made, 1 failed, 2 bad usage.
`,
  doctor: `Usage: umap doctor [--json]

Tries every way in which page faults can arrive and reads the limits of this machine. Says first
whether it will do, which way is taken, why no better one, and at the end how to get that.

Options:
      --json     print the whole report as JSON
  -h, --help     show this text

Exit codes: 0 this machine can do it, in the best way or another; 1 it cannot (the report says what
helps); 2 bad usage.
`,
  serve: `Usage: umap serve CONFIG

Serves data sets at a Unix socket, where processes map them with connect() of @umap/server. A page is
in memory once, however many map it. Says "listening at SOCKET" when it is ready.

CONFIG is a JSON file:
  { "socket": "umap.sock", "socketMode": "0660",
    "buffer": { "bytes": 1073741824 },
    "datasets": { NAME: { "store": { "module": "@umap/store-file", "options": { "path": … } },
                          "access": "read-write", "pageBytes": 65536, "readAhead": 128,
                          "allow": [{ "uid": 1000, "access": "read-only" }] } },
    "limits": { "clientsMax": 256 }, "metrics": { "port": 9464 } }

The path of the socket, and of a module, is relative to the file. Without "allow" a data set is for
the server's own user and root. Without "buffer" its memory follows what the machine has to spare.

The engine runs in a process of its own. When that dies, another one takes over at once: clients
wait, and go on with all that they had written.

SIGTERM, SIGINT  write everything back, make it durable, and end; a second one ends at once
SIGHUP           changes nothing: CONFIG is read once

Options:
  -h, --help     show this text

Exit codes: 0 everything is written back; 1 something is not, or no server can run: standard error
says what; 2 bad usage, or a CONFIG that makes no sense.
`,
  stat: `Usage: umap stat [OPTION…] SOCKET

Asks the server at SOCKET what it does, and prints a table of its data sets and one of its clients.

FAULTS/S are touches that reached the server, over the last interval; touches of pages that a client
has mapped already cost nothing, and are not seen. HITS is the share of all faults whose page was in
memory. FAULT is the time from a fault to its end, FILL that of the store's reads: medians, and what
99 % stay below.

Options:
  -w, --watch        again and again, until it is interrupted
      --interval N   seconds between two snapshots (default 1)
      --json         print the counters as JSON; with --watch one line for each snapshot
  -h, --help         show this text

Exit codes: 0 done, 1 there is no server, or it does not answer this user; 2 bad usage.
`,
} as const

// What `--help` prints.

/** The text of `--help`, for the program or for one command. */
export const usage = {
  umap: `Usage: umap COMMAND [OPTION…]

Maps data sets that are larger than memory. This command looks after the machine it runs on, after
data sets in stores, and after those who write stores.

Commands:
  cp             copy a data set from one store to another
  doctor         say in which way this machine can page, and how to get a better one
  new-store      make a package for a store of your own, with tests that pass

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
} as const

// Supervises a server as `umap serve` does, less patiently. Arguments: the configuration's file and,
// as JSON, the restart options. Prints a line of JSON when the socket listens.
import { readConfigText, supervise } from '@umap/server/supervisor'

const [file, restart] = process.argv.slice(2)
const how = await supervise(readConfigText(file), {
  onListening: (listening) => console.log(JSON.stringify(listening)),
  ...(restart && { restart: JSON.parse(restart) }),
})
process.exitCode = how === 'done' ? 0 : 1

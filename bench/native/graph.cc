// Breadth-first search of a graph in compressed rows that lie in a mapped file, by one thread with
// its levels in ordinary memory. The graph is an R-MAT graph (Chakrabarti, Zhan,
// Faloutsos 2004) with the parameters and the 16 edges a vertex of Graph 500, in both directions.
#include <fcntl.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "fail.h"
#include "memory.h"
#include "os/clock.h"
#include "os/unique_fd.h"
#include "pattern.h"
#include "programs.h"
#include "random.h"

namespace umap::bench {
namespace {

constexpr uint64_t kEdgesPerVertex = 16;
constexpr uint32_t kUnseen = ~uint32_t{0};

// The file: this header in a page of its own, vertex_count + 1 places of rows, the neighbours.
struct Header {
  uint64_t vertex_count = 0;
  uint64_t neighbour_count = 0;
  uint64_t root = 0;
  // What a search from the root finds.
  uint64_t visited = 0;
  uint64_t level_sum = 0;
};
constexpr uint64_t kHeaderWords = 4096 / kWordBytes;

uint64_t FileWords(const Header& header) {
  return kHeaderWords + header.vertex_count + 1 + header.neighbour_count;
}

// Levels are random by quadrants a 0.57, b 0.19, c 0.19, d 0.05.
std::pair<uint64_t, uint64_t> DrawEdge(Random& random, uint64_t scale) {
  uint64_t from = 0, to = 0;
  for (uint64_t level = 0; level < scale; level++) {
    const uint64_t draw = random.Below(100);
    from = from * 2 + (draw >= 76);
    to = to * 2 + ((draw >= 57 && draw < 76) || draw >= 95);
  }
  return {from, to};
}

struct Graph {
  std::vector<uint64_t> rows;
  std::vector<uint64_t> neighbours;
};

Graph MakeGraph(uint64_t scale, uint64_t seed) {
  const uint64_t vertex_count = uint64_t{1} << scale;
  const uint64_t edge_count = vertex_count * kEdgesPerVertex;
  // Numbers are scrambled, for hubs would lie side by side.
  const auto scramble = [&](uint64_t vertex) {
    return (vertex * 0x9e3779b97f4a7c15 + 12345) & (vertex_count - 1);
  };
  std::vector<std::pair<uint32_t, uint32_t>> edges(edge_count);
  Graph graph;
  graph.rows.resize(vertex_count + 1);
  Random random(seed);
  for (auto& [from, to] : edges) {
    const auto [a, b] = DrawEdge(random, scale);
    from = static_cast<uint32_t>(scramble(a));
    to = static_cast<uint32_t>(scramble(b));
    graph.rows[from + 1]++;
    graph.rows[to + 1]++;
  }
  for (uint64_t i = 0; i < vertex_count; i++) graph.rows[i + 1] += graph.rows[i];
  graph.neighbours.resize(2 * edge_count);
  std::vector<uint64_t> next(graph.rows.begin(), graph.rows.end() - 1);
  for (const auto& [from, to] : edges) {
    graph.neighbours[next[from]++] = to;
    graph.neighbours[next[to]++] = from;
  }
  return graph;
}

// Sets visited and level_sum of the header. Level by level, each in the order of the vertices, so
// that rows and neighbours are read upwards, as LLNL UMap's search does.
void Search(const uint64_t* rows, const uint64_t* neighbours, Header& header) {
  std::vector<uint32_t> levels(header.vertex_count, kUnseen);
  levels[header.root] = 0;
  header.visited = 1;
  header.level_sum = 0;
  for (uint32_t level = 0, found = 1; found > 0; level++) {
    found = 0;
    for (uint64_t vertex = 0; vertex < header.vertex_count; vertex++) {
      if (levels[vertex] != level) continue;
      for (uint64_t i = rows[vertex]; i < rows[vertex + 1]; i++) {
        if (levels[neighbours[i]] != kUnseen) continue;
        levels[neighbours[i]] = level + 1;
        found++;
      }
    }
    header.visited += found;
    header.level_sum += uint64_t{found} * (level + 1);
  }
}

void WriteAll(const UniqueFd& fd, const void* data, uint64_t bytes) {
  const auto* from = static_cast<const uint8_t*>(data);
  while (bytes > 0) {
    const ssize_t written = Must(write(fd.get(), from, bytes), "write");
    from += written;
    bytes -= static_cast<uint64_t>(written);
  }
}

}  // namespace

void WriteGraph(const Options& options) {
  const Graph graph = MakeGraph(options.scale, options.seed);
  Header header;
  header.vertex_count = graph.rows.size() - 1;
  header.neighbour_count = graph.neighbours.size();
  while (graph.rows[header.root] == graph.rows[header.root + 1]) header.root++;
  Search(graph.rows.data(), graph.neighbours.data(), header);
  const UniqueFd fd(Must(open(options.file.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC), "open"));
  std::vector<uint64_t> page(kHeaderWords);
  std::memcpy(page.data(), &header, sizeof header);
  WriteAll(fd, page.data(), kHeaderWords * kWordBytes);
  WriteAll(fd, graph.rows.data(), graph.rows.size() * kWordBytes);
  WriteAll(fd, graph.neighbours.data(), graph.neighbours.size() * kWordBytes);
  Must(fsync(fd.get()), "fsync");
  std::printf("{\"fileBytes\":%lu}\n", FileWords(header) * kWordBytes);
}

void RunBfs(const Options& options) {
  const std::unique_ptr<Memory> memory = OpenMemory(options);
  memory->BeginRandom(0);
  const int64_t started_ns = NowNs();
  const auto* const words = reinterpret_cast<const uint64_t*>(memory->data());
  Header expected;
  std::memcpy(static_cast<void*>(&expected), words, sizeof expected);
  if (FileWords(expected) * kWordBytes != options.file_bytes) Fail("this is no graph");
  Header found = expected;
  Search(words + kHeaderWords, words + kHeaderWords + expected.vertex_count + 1, found);
  const double seconds = static_cast<double>(NowNs() - started_ns) / 1e9;
  if (found.visited != expected.visited || found.level_sum != expected.level_sum) {
    Fail("the search found other levels than in memory");
  }
  memory->Check();
  std::printf("{\"seconds\":%.3f}\n", seconds);
}

}  // namespace umap::bench

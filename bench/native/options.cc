// See options.h.
#include "options.h"

#include <map>

#include "fail.h"

namespace umap::bench {
namespace {

uint64_t ParseNumber(const std::string& name, const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (errno != 0 || text.empty() || *end != '\0') {
    Fail("%s is a number, not \"%s\"", name.c_str(), text.c_str());
  }
  return value;
}

}  // namespace

Options ParseOptions(int argc, char** argv) {
  Options options;
  const std::map<std::string, std::string*> texts = {
      {"--file", &options.file},
      {"--memory", &options.memory},
      {"--faults", &options.faults},
      {"--cgroup", &options.cgroup}};
  const std::map<std::string, uint64_t*> numbers = {
      {"--file-bytes", &options.file_bytes},     {"--buffer-bytes", &options.buffer_bytes},
      {"--page-bytes", &options.page_bytes},     {"--threads", &options.threads},
      {"--touches", &options.touches},           {"--milliseconds", &options.milliseconds},
      {"--seed", &options.seed},                 {"--checksum", &options.checksum},
      {"--announce", &options.announce},         {"--warm-up-touches", &options.warm_up_touches},
      {"--scale", &options.scale},               {"--span-bytes", &options.span_bytes},
      {"--regions", &options.regions}};
  const std::map<std::string, bool*> flags = {{"--direct", &options.direct},
                                              {"--writable", &options.writable}};
  if (argc < 2) Fail("usage: umap-bench PROGRAM [--name value]...");
  options.program = argv[1];
  for (int i = 2; i < argc; i++) {
    const std::string name = argv[i];
    if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = true;
      continue;
    }
    if (++i == argc) Fail("%s needs a value", name.c_str());
    if (const auto text = texts.find(name); text != texts.end()) {
      *text->second = argv[i];
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      *number->second = ParseNumber(name, argv[i]);
    } else {
      Fail("no option is named %s", name.c_str());
    }
  }
  if (options.file.empty()) Fail("--file is missing");
  return options;
}

}  // namespace umap::bench

// Writes a report as JSON, for `umap doctor --json` and for the binding.
#include <cerrno>
#include <cstdio>

#include "os/probe.h"

namespace umap {

namespace {

// Writes values one after the other and knows where commas belong.
class JsonWriter {
 public:
  std::string Take() { return std::move(text_); }

  void Open(char bracket) {
    Separate();
    text_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    text_ += bracket;
    first_ = false;
  }
  void Key(const char* key) {
    Separate();
    Quote(key);
    text_ += ':';
    // The value follows its key without a comma.
    first_ = true;
  }

  void Null() { Raw("null"); }
  void Bool(bool value) { Raw(value ? "true" : "false"); }
  void Number(uint64_t value) { Raw(std::to_string(value)); }
  void String(const std::string& value) {
    Separate();
    Quote(value);
  }

  void Field(const char* key, bool value) { Key(key), Bool(value); }
  void Field(const char* key, uint64_t value) { Key(key), Number(value); }
  void Field(const char* key, const char* value) { Key(key), String(value); }
  // An empty string says "none".
  void Field(const char* key, const std::string& value) {
    Key(key);
    value.empty() ? Null() : String(value);
  }
  void Field(const char* key, const std::optional<uint64_t>& value) {
    Key(key);
    value ? Number(*value) : Null();
  }
  void Field(const char* key, const std::optional<bool>& value) {
    Key(key);
    value ? Bool(*value) : Null();
  }

 private:
  void Separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void Raw(const std::string& value) {
    Separate();
    text_ += value;
  }
  void Quote(const std::string& value) {
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text_ += '\\';
        text_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", c);
        text_ += escape;
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }

  std::string text_;
  bool first_ = true;
};

const char* WayText(UffdWay way) {
  switch (way) {
    case UffdWay::kSystemCall:
      return "system-call";
    case UffdWay::kDevice:
      return "device";
    case UffdWay::kUserModeOnly:
      return "user-mode-only";
  }
  return "";
}

// Empty for kNone.
std::string CauseText(RefusalCause cause) {
  switch (cause) {
    case RefusalCause::kNone:
      return "";
    case RefusalCause::kPermission:
      return "permission";
    case RefusalCause::kSeccomp:
      return "seccomp";
    case RefusalCause::kKernel:
      return "kernel";
    case RefusalCause::kDevice:
      return "device";
    case RefusalCause::kResources:
      return "resources";
    case RefusalCause::kOther:
      return "other";
  }
  return "";
}

const char* PagingText(Paging paging) {
  switch (paging) {
    case Paging::kYes:
      return "yes";
    case Paging::kLimited:
      return "limited";
    case Paging::kNo:
      return "no";
  }
  return "";
}

// The word for a number that the kernel defines; empty when it is unknown.
template <size_t kCount>
std::string Word(const char* const (&words)[kCount], const std::optional<uint64_t>& number) {
  return number && *number < kCount ? words[*number] : "";
}

std::string OctalMode(const std::optional<uint32_t>& mode) {
  if (!mode) return {};
  char text[16];
  std::snprintf(text, sizeof text, "%04o", *mode);
  return text;
}

void WriteRemedies(const std::vector<Remedy>& remedies, JsonWriter* json) {
  json->Key("remedies");
  json->Open('[');
  for (const Remedy& remedy : remedies) {
    json->Open('{');
    json->Field("kind", remedy.kind);
    json->Field("remedy", remedy.text);
    json->Close('}');
  }
  json->Close(']');
}

void WriteFaults(const ProbeReport& report, JsonWriter* json) {
  json->Key("faults");
  json->Open('{');
  json->Field("auto", report.auto_mode ? std::string(NameOf(*report.auto_mode)) : std::string());
  json->Key("ways");
  json->Open('[');
  for (const FaultWay& way : report.ways) {
    json->Open('{');
    json->Field("mode", NameOf(way.mode));
    json->Field("works", way.works);
    json->Field("servesSystemCalls", ServesSystemCalls(way.mode));
    json->Field("reason", way.reason);
    WriteRemedies(way.remedies, json);
    json->Close('}');
  }
  json->Close(']');
  json->Key("recipes");
  json->Open('[');
  for (const Recipe& recipe : report.recipes) {
    json->Open('{');
    json->Field("place", recipe.place);
    json->Field("recipe", recipe.text);
    json->Close('}');
  }
  json->Close(']');
  json->Close('}');
}

void WriteNeeds(const ProbeReport& report, JsonWriter* json) {
  json->Key("needs");
  json->Open('[');
  for (const ProbeNeed& need : report.needs) {
    json->Open('{');
    json->Field("name", need.json_key);
    json->Field("title", need.title);
    json->Field("required", need.required);
    json->Field("met", need.met);
    json->Field("fallback", need.fallback);
    WriteRemedies(need.remedies, json);
    json->Close('}');
  }
  json->Close(']');
}

void WriteUserfaultfd(const ProbeReport& report, JsonWriter* json) {
  json->Key("userfaultfd");
  json->Open('{');
  json->Field("way", report.way ? std::string(WayText(*report.way)) : std::string());
  json->Key("attempts");
  json->Open('[');
  for (const UffdAttempt& attempt : report.attempts) {
    json->Open('{');
    json->Field("way", WayText(attempt.way));
    json->Field("available", attempt.error == 0);
    json->Field("error", attempt.error == 0 ? std::string() : ErrorName(attempt.error));
    json->Field("cause", CauseText(attempt.cause));
    json->Close('}');
  }
  json->Close(']');
  json->Key("features");
  json->Open('{');
  for (const UffdFeature& feature : UffdFeatures()) {
    json->Field(feature.json_key, (report.features & feature.bit) != 0);
  }
  json->Close('}');
  json->Key("checks");
  json->Open('{');
  for (const ProbeCheck& check : report.checks) {
    json->Key(check.json_key);
    json->Open('{');
    json->Field("ok", check.ok);
    json->Field("detail", check.detail);
    json->Close('}');
  }
  json->Close('}');
  json->Close('}');
}

void WritePermissions(const PermissionReport& permissions, JsonWriter* json) {
  constexpr const char* kSeccompModes[] = {"none", "strict", "filter"};
  json->Key("permissions");
  json->Open('{');
  json->Field("effectiveUserId", uint64_t{permissions.effective_user_id});
  json->Field("capSysPtrace", permissions.cap_sys_ptrace);
  json->Field("initialUserNamespace", permissions.initial_user_namespace);
  json->Field("unprivilegedUserfaultfd", permissions.unprivileged_userfaultfd);
  json->Field("seccomp", Word(kSeccompModes, permissions.seccomp_mode));
  json->Field("deviceMode", OctalMode(permissions.device_mode));
  json->Field("deviceOffered", permissions.device_minor.has_value());
  json->Close('}');
}

void WriteMemory(const SystemReport& system, JsonWriter* json) {
  constexpr const char* kOvercommitModes[] = {"heuristic", "always", "never"};
  json->Key("memory");
  json->Open('{');
  json->Field("memTotalBytes", system.mem_total_bytes);
  json->Field("memAvailableBytes", system.mem_available_bytes);
  json->Field("cgroupVersion", system.cgroup.version);
  json->Field("cgroupLimitBytes", system.cgroup.memory_limit_bytes);
  json->Field("cgroupCurrentBytes", system.cgroup.memory_current_bytes);
  json->Field("overcommitMode", Word(kOvercommitModes, system.overcommit_mode));
  json->Field("mapCountMax", system.map_count_max);
  json->Field("transparentHugePages", system.thp_enabled);
  json->Field("transparentHugePagesShmem", system.thp_shmem_enabled);
  json->Close('}');
}

void WriteInterface(const char* key, int error, JsonWriter* json) {
  json->Key(key);
  json->Open('{');
  json->Field("available", error == 0);
  json->Field("error", error == 0 ? std::string() : ErrorName(error));
  json->Close('}');
}

void WriteSystem(const SystemReport& system, JsonWriter* json) {
  json->Key("platform");
  json->Open('{');
  json->Field("os", system.os);
  json->Field("architecture", system.architecture);
  json->Field("kernelRelease", system.kernel_release);
  json->Field("pageBytes", system.page_bytes);
  json->Field("processorCount", system.processor_count);
  json->Close('}');
  WriteMemory(system, json);
  json->Key("limits");
  json->Open('{');
  json->Field("addressSpaceBytes", system.address_space_bytes);
  json->Field("openFilesMax", system.open_files_max);
  json->Field("lockedBytes", system.locked_bytes);
  json->Close('}');
  json->Key("interfaces");
  json->Open('{');
  WriteInterface("pagemapScan", system.pagemap_scan_error, json);
  WriteInterface("pressureStall", system.pressure_stall_error, json);
  WriteInterface("ioUring", system.io_uring_error, json);
  json->Close('}');
}

}  // namespace

std::string ProbeReportJson(const ProbeReport& report) {
  JsonWriter json;
  json.Open('{');
  json.Field("paging", PagingText(report.paging));
  json.Field("summary", report.summary);
  WriteFaults(report, &json);
  WriteNeeds(report, &json);
  WriteUserfaultfd(report, &json);
  WritePermissions(report.permissions, &json);
  WriteSystem(report.system, &json);
  json.Close('}');
  return json.Take();
}

std::string ErrorName(int error) {
  switch (error) {
    case EACCES:
      return "EACCES";
    case EAGAIN:
      return "EAGAIN";
    case EBUSY:
      return "EBUSY";
    case EEXIST:
      return "EEXIST";
    case EFAULT:
      return "EFAULT";
    case EINVAL:
      return "EINVAL";
    case EIO:
      return "EIO";
    case EMFILE:
      return "EMFILE";
    case ENFILE:
      return "ENFILE";
    case ENODEV:
      return "ENODEV";
    case ENOENT:
      return "ENOENT";
    case ENOMEM:
      return "ENOMEM";
    case ENOSYS:
      return "ENOSYS";
    case ENOTTY:
      return "ENOTTY";
    case ENXIO:
      return "ENXIO";
    case EOPNOTSUPP:
      return "EOPNOTSUPP";
    case EPERM:
      return "EPERM";
    case ESRCH:
      return "ESRCH";
    default:
      return "errno " + std::to_string(error);
  }
}

}  // namespace umap

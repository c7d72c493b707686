// A test registry in one header: TEST(name) { ... } defines a test, the EXPECT macros check. A
// failed EXPECT ends its test; the others go on. SKIP_IF ends a test that cannot run here, with the
// reason. Include it in exactly one *_test.cc a binary: it defines main(). Usage: BINARY
// [SUBSTRING-OF-TEST-NAME]. What was skipped is added to the file UMAP_TEST_SKIPS, if there is one.
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace umap::test {

struct TestCase {
  const char* name;
  void (*body)();
};

inline std::vector<TestCase>& Registry() {
  static std::vector<TestCase> registry;
  return registry;
}

struct Registration {
  Registration(const char* name, void (*body)()) { Registry().push_back({name, body}); }
};

// Whether the running test has failed. Set by its own thread only: a test joins its threads and
// checks what they found.
inline bool& CurrentFailed() {
  static bool failed = false;
  return failed;
}

// Why the running test does not run here; empty where it does.
inline std::string& CurrentSkipped() {
  static std::string reason;
  return reason;
}

// What runs before the first test: says why none of them can run here, or nothing.
inline std::string (*&Precondition())() {
  static std::string (*precondition)() = nullptr;
  return precondition;
}

// The seed of this run: UMAP_TEST_SEED, or a fresh one. Printed when a test fails.
inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const char* text = std::getenv("UMAP_TEST_SEED");
    if (text != nullptr && *text != '\0') return std::strtoull(text, nullptr, 0);
    std::random_device device;
    return static_cast<unsigned long long>(device());
  }();
  return seed;
}

// Text of a value for a failure message; enums print as numbers, the rest as "?" if not printable.
template <typename T>
std::string Show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_integral_v<T>) {
    out << +value;
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "?";
  }
  return out.str();
}

inline void Fail(const char* file, int line, const std::string& message) {
  std::printf("    %s:%d: %s\n", file, line, message.c_str());
  CurrentFailed() = true;
}

// Text of a failed status: its errno and message, or those of the status inside a result.
template <typename S>
std::string ShowStatus(const S& status) {
  if constexpr (requires { std::string(status.message), status.error; }) {
    return status.message + " (errno " + std::to_string(status.error) + ")";
  } else if constexpr (requires { status.status(); }) {
    return ShowStatus(status.status());
  } else if constexpr (requires { status.status; }) {
    return ShowStatus(status.status);
  } else {
    return "not ok";
  }
}

template <typename S>
bool IsOk(const S& status) {
  if constexpr (requires { status.ok(); }) {
    return status.ok();
  } else {
    return static_cast<bool>(status);
  }
}

template <typename T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>;

// Integers compare by value whatever their signs and widths, so that a test needs no casts.
template <typename A, typename B>
bool Equal(const A& a, const B& b) {
  if constexpr (Integer<A> && Integer<B>) {
    return std::cmp_equal(a, b);
  } else {
    return a == b;
  }
}

template <typename A, typename B>
bool Less(const A& a, const B& b) {
  if constexpr (Integer<A> && Integer<B>) {
    return std::cmp_less(a, b);
  } else {
    return a < b;
  }
}

template <typename A, typename B>
bool NotEqual(const A& a, const B& b) {
  return !Equal(a, b);
}
template <typename A, typename B>
bool LessEqual(const A& a, const B& b) {
  return !Less(b, a);
}
template <typename A, typename B>
bool Greater(const A& a, const B& b) {
  return Less(b, a);
}
template <typename A, typename B>
bool GreaterEqual(const A& a, const B& b) {
  return !Less(a, b);
}

// For the list at the end of `npm test`: a line with what was skipped, a tab, and why.
inline void NoteSkipped(const std::string& what, const std::string& why) {
  const char* const path = std::getenv("UMAP_TEST_SKIPS");
  FILE* const file = path != nullptr ? std::fopen(path, "a") : nullptr;
  if (file == nullptr) return;
  const char* const way = std::getenv("UMAP_TEST_WAY");
  std::fprintf(file, "%s%s%s %s\t%s\n", program_invocation_short_name, way ? " by " : "",
               way ? way : "", what.c_str(), why.c_str());
  std::fclose(file);
}

inline int RunAll(const char* filter) {
  const std::string refused = Precondition() != nullptr ? Precondition()() : "";
  if (!refused.empty()) {
    std::printf("  all %zu tests skipped: %s\n", Registry().size(), refused.c_str());
    NoteSkipped("(all)", refused);
    return 0;
  }
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  for (const TestCase& test : Registry()) {
    if (filter != nullptr && std::strstr(test.name, filter) == nullptr) continue;
    // Before the body runs, so that a crash or a hang shows whose it is.
    std::printf("  %s ", test.name);
    std::fflush(stdout);
    CurrentFailed() = false;
    CurrentSkipped().clear();
    const auto start = std::chrono::steady_clock::now();
    test.body();
    if (!CurrentSkipped().empty()) {
      std::printf("skipped: %s\n", CurrentSkipped().c_str());
      NoteSkipped(test.name, CurrentSkipped());
      skipped++;
      continue;
    }
    const auto spent = std::chrono::steady_clock::now() - start;
    const auto spentMs = std::chrono::duration_cast<std::chrono::milliseconds>(spent).count();
    std::printf("%s (%lld ms)\n", CurrentFailed() ? "FAILED" : "ok",
                static_cast<long long>(spentMs));
    ++(CurrentFailed() ? failed : passed);
  }
  std::printf("%d passed, %d failed", passed, failed);
  if (skipped > 0) std::printf(", %d skipped", skipped);
  if (failed > 0) {
    std::printf(" (UMAP_TEST_SEED=%llu)", static_cast<unsigned long long>(Seed()));
  }
  std::printf("\n");
  return failed == 0 ? 0 : 1;
}

}  // namespace umap::test

#define TEST(name)                                                                    \
  static void umap_test_##name();                                                     \
  static const ::umap::test::Registration umap_registration_##name(#name,             \
                                                                   umap_test_##name); \
  static void umap_test_##name()

// Ends a test that can say nothing here. At the beginning of a test, before it checks anything.
#define SKIP_IF(condition, reason)              \
  do {                                          \
    if (condition) {                            \
      ::umap::test::CurrentSkipped() = (reason); \
      return;                                   \
    }                                           \
  } while (0)

#define UMAP_EXPECT_COMPARE(compare, op, a, b)                                                    \
  do {                                                                                   \
    const auto& umap_a = (a);                                                            \
    const auto& umap_b = (b);                                                            \
    if (!::umap::test::compare(umap_a, umap_b)) {                                        \
      ::umap::test::Fail(__FILE__, __LINE__,                                             \
                         std::string("expected " #a " " #op " " #b ", got ") +           \
                             ::umap::test::Show(umap_a) + " and " +                      \
                             ::umap::test::Show(umap_b));                                \
      return;                                                                            \
    }                                                                                    \
  } while (0)

#define EXPECT_EQ(a, b) UMAP_EXPECT_COMPARE(Equal, ==, a, b)
#define EXPECT_NE(a, b) UMAP_EXPECT_COMPARE(NotEqual, !=, a, b)
#define EXPECT_LT(a, b) UMAP_EXPECT_COMPARE(Less, <, a, b)
#define EXPECT_LE(a, b) UMAP_EXPECT_COMPARE(LessEqual, <=, a, b)
#define EXPECT_GT(a, b) UMAP_EXPECT_COMPARE(Greater, >, a, b)
#define EXPECT_GE(a, b) UMAP_EXPECT_COMPARE(GreaterEqual, >=, a, b)

#define EXPECT_TRUE(condition)                                                         \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      ::umap::test::Fail(__FILE__, __LINE__, "expected " #condition);                  \
      return;                                                                          \
    }                                                                                  \
  } while (0)

#define EXPECT_FALSE(condition) EXPECT_TRUE(!(condition))

// For a Status, a Result or anything with ok() or a conversion to bool.
#define EXPECT_OK(expression)                                                             \
  do {                                                                                    \
    const auto& umap_status = (expression);                                               \
    if (!::umap::test::IsOk(umap_status)) {                                               \
      ::umap::test::Fail(__FILE__, __LINE__,                                              \
                         "expected " #expression " to succeed: " +                        \
                             ::umap::test::ShowStatus(umap_status));                      \
      return;                                                                             \
    }                                                                                     \
  } while (0)

// For a system call: a negative result prints errno.
#define EXPECT_SYS(expression)                                                          \
  do {                                                                                  \
    if ((expression) < 0) {                                                             \
      ::umap::test::Fail(__FILE__, __LINE__,                                            \
                         std::string(#expression ": ") + std::strerror(errno));         \
      return;                                                                           \
    }                                                                                   \
  } while (0)

int main(int argc, char** argv) {
  return ::umap::test::RunAll(argc > 1 ? argv[1] : nullptr);
}

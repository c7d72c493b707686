// mapFile(path, byteLength, isRandom): the file as an ArrayBuffer that the kernel maps, read-only.
// It stays mapped until the process ends: a measured program lives for one measurement.
#include <fcntl.h>
#include <node_api.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace {

napi_value Throw(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

napi_value MapFile(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  char path[4096];
  size_t path_length = 0;
  int64_t byte_length = 0;
  bool is_random = false;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count != 3 ||
      napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &path_length) != napi_ok ||
      napi_get_value_int64(env, arguments[1], &byte_length) != napi_ok ||
      napi_get_value_bool(env, arguments[2], &is_random) != napi_ok) {
    return Throw(env, "mapFile takes a path, a length and a boolean");
  }
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Throw(env, std::strerror(errno));
  const auto bytes = static_cast<size_t>(byte_length);
  void* const data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (data == MAP_FAILED) return Throw(env, std::strerror(errno));
  if (is_random && madvise(data, bytes, MADV_RANDOM) != 0) {
    return Throw(env, std::strerror(errno));
  }
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, data, bytes, nullptr, nullptr, &buffer) != napi_ok) {
    return Throw(env, "this Node makes no ArrayBuffer of that memory");
  }
  return buffer;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function = nullptr;
  napi_create_function(env, "mapFile", NAPI_AUTO_LENGTH, MapFile, nullptr, &function);
  napi_set_named_property(env, exports, "mapFile", function);
  return exports;
}

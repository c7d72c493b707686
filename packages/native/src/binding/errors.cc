// Makes and takes apart error objects. Where JavaScript cannot run any more, because the worker is
// being terminated, every step may fail: then there is no error, and nobody who would see it.
#include "binding/errors.h"

#include <cerrno>
#include <iterator>

#include "binding/environment.h"

namespace umap {

namespace {

struct ErrnoName {
  const char* name;
  int error;
};

// The failures that stores pass on from the system, by the names that Node gives them.
constexpr ErrnoName kErrnoNames[] = {
    {"EACCES", EACCES},         {"EAGAIN", EAGAIN},
    {"EBADF", EBADF},           {"EBUSY", EBUSY},
    {"ECANCELED", ECANCELED},   {"ECONNABORTED", ECONNABORTED},
    {"ECONNREFUSED", ECONNREFUSED}, {"ECONNRESET", ECONNRESET},
    {"EDQUOT", EDQUOT},         {"EFBIG", EFBIG},
    {"EHOSTDOWN", EHOSTDOWN},   {"EHOSTUNREACH", EHOSTUNREACH},
    {"EINTR", EINTR},           {"EINVAL", EINVAL},
    {"EMFILE", EMFILE},         {"ENETDOWN", ENETDOWN},
    {"ENETRESET", ENETRESET},   {"ENETUNREACH", ENETUNREACH},
    {"ENFILE", ENFILE},         {"ENOBUFS", ENOBUFS},
    {"ENODATA", ENODATA},       {"ENODEV", ENODEV},
    {"ENOENT", ENOENT},         {"ENOMEM", ENOMEM},
    {"ENOSPC", ENOSPC},         {"ENOTSUP", ENOTSUP},
    {"EOPNOTSUPP", EOPNOTSUPP}, {"EPERM", EPERM},
    {"EPIPE", EPIPE},           {"EROFS", EROFS},
    {"ESTALE", ESTALE},         {"ETIMEDOUT", ETIMEDOUT},
    {"STORE_READ_ONLY", EROFS}, {"STORE_RANGE", ERANGE},
    {"STORE_CLOSED", EBADF},    {"STORE_TRUNCATED", ENODATA},
    {"STORE_UNSUPPORTED", ENOTSUP},
};

int ErrnoOf(const std::string& code) {
  for (const ErrnoName& known : kErrnoNames) {
    if (code == known.name) return known.error;
  }
  return EIO;
}

bool ClearException(Napi::Env env) {
  napi_value exception = nullptr;
  return napi_get_and_clear_last_exception(env, &exception) == napi_ok;
}

// The empty object when it is not the JSON of an object.
Napi::Object ParseObject(Napi::Env env, const std::string& json) {
  const Napi::Value parser = env.Global().Get("JSON");
  if (!parser.IsEmpty() && parser.IsObject()) {
    const Napi::Value parse = parser.As<Napi::Object>().Get("parse");
    if (!parse.IsEmpty() && parse.IsFunction()) {
      const Napi::Value parsed =
          parse.As<Napi::Function>().Call({Napi::String::New(env, json)});
      if (!parsed.IsEmpty() && parsed.IsObject()) return parsed.As<Napi::Object>();
    }
  }
  ClearException(env);
  return Napi::Object::New(env);
}

Napi::Value NewError(Napi::Env env, const Status& status) {
  const Napi::String message = Napi::String::New(env, status.message);
  const Environment* const environment = Environment::Of(env);
  if (environment != nullptr && !environment->error_class.IsEmpty()) {
    const napi_value arguments[] = {
        message, Napi::Number::New(env, status.error), Napi::Boolean::New(env, status.retryable),
        status.detail.empty() ? env.Undefined() : Napi::String::New(env, status.detail)};
    napi_value error = nullptr;
    if (napi_new_instance(env, environment->error_class.Value(), std::size(arguments), arguments,
                          &error) == napi_ok) {
      return {env, error};
    }
    ClearException(env);
  }
  napi_value error = nullptr;
  if (napi_create_error(env, nullptr, message, &error) != napi_ok) return {};
  return {env, error};
}

}  // namespace

Napi::Value MakeError(Napi::Env env, const Status& status, const char* code) {
  const Napi::Value error = NewError(env, status);
  if (code != nullptr && !error.IsEmpty()) {
    napi_set_named_property(env, error, "code", Napi::String::New(env, code));
  }
  return error;
}

Napi::Value Throw(Napi::Env env, const Status& status, const char* code) {
  if (env.IsExceptionPending()) return {};
  const Napi::Value error = MakeError(env, status, code);
  if (!error.IsEmpty()) napi_throw(env, error);
  return {};
}

bool CanRunScript(Napi::Env env) {
  napi_value object = nullptr;
  return napi_create_object(env, &object) == napi_ok &&
         napi_set_named_property(env, object, "self", object) == napi_ok;
}

Status StatusOfStoreError(Napi::Env env, const std::string& json) {
  const Napi::Object error = ParseObject(env, json);
  const Napi::Value message = error.Get("message");
  const Napi::Value code = error.Get("code");
  const Napi::Value retryable = error.Get("retryable");
  Status status;
  status.error = EIO;
  if (!code.IsEmpty() && code.IsString()) {
    status.error = ErrnoOf(code.As<Napi::String>().Utf8Value());
  }
  status.retryable =
      !retryable.IsEmpty() && retryable.IsBoolean() && retryable.As<Napi::Boolean>().Value();
  status.message = "the store failed without saying why";
  if (!message.IsEmpty() && message.IsString()) {
    status.message = message.As<Napi::String>().Utf8Value();
  }
  status.detail = json;
  return status;
}

}  // namespace umap

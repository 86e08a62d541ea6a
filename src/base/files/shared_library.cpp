#include "base/files/shared_library.hpp"

#include <dlfcn.h>

#include "base/format.hpp"

namespace orrery {

Result<SharedLibrary> SharedLibrary::load(const char* name, const char* package) {
  // Bound at once: nothing is resolved, and no page of its is made writable, once a sandbox stands.
  void* const handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const reason = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc's is a thread's
    return fail(format("{} cannot be loaded ({}): install {}", name, reason, package));
  }
  return SharedLibrary(handle, name);
}

Result<void*> SharedLibrary::find(const char* symbol) const {
  void* const address = ::dlsym(handle_, symbol);
  if (address == nullptr) {
    return fail(format("{} has no function {}: another version of it is needed", name_, symbol));
  }
  return address;
}

}  // namespace orrery

// A shared library that is loaded when it is first needed: who does without it pays neither its
// memory nor its share of the start.
#pragma once

#include "base/error.hpp"

namespace orrery {

class SharedLibrary {
 public:
  // NAME is that of its ABI, "libcrypto.so.3"; PACKAGE is Debian's that has it, for the
  // error. It stays loaded to the end of the process.
  static Result<SharedLibrary> load(const char* name, const char* package);

  // FUNCTION becomes the library's SYMBOL. Its type is the header's: decltype(&::name).
  template <typename Signature>
  Result<> bind(Signature*& function, const char* symbol) const {
    ORRERY_TRY(void* const address, find(symbol));
    function = reinterpret_cast<Signature*>(address);
    return {};
  }

 private:
  SharedLibrary(void* handle, const char* name) : handle_(handle), name_(name) {}
  Result<void*> find(const char* symbol) const;

  void* handle_;
  const char* name_;
};

}  // namespace orrery

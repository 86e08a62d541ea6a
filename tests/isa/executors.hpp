// The executors by name: "host" (this processor), "soft" (the engine's interpreter), "kvm".
#pragma once

#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "isa/executor.hpp"

namespace orrery::isa {

Result<std::unique_ptr<Executor>> create_executor(std::string_view name);

}  // namespace orrery::isa

// Fuzzes the control socket: lines from a client, in portions of the input's first byte. Each line
// has one answer, in order, which our own client reads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "base/sockets/scripted_stream.hpp"
#include "vmm/control/fake_target.hpp"
#include "vmm/control/request.hpp"
#include "vmm/control/session.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  if (size == 0) return 0;
  testing::FakeControlTarget target;
  testing::ScriptedStream stream;
  if (data[0] != 0) stream.most_at_once = data[0];
  vmm::control::Session session(target, stream);
  Task<Result<>> task = session.serve();
  task.start([] {});
  const std::string_view sent(reinterpret_cast<const char*>(data + 1), size - 1);
  stream.give(as_bytes(sent.data(), sent.size()));
  stream.leave();
  ORRERY_ASSERT(task.done());
  std::string_view answers(reinterpret_cast<const char*>(stream.received.data()),
                           stream.received.size());
  std::ptrdiff_t count = 0;
  for (std::size_t end = 0; (end = answers.find('\n')) != std::string_view::npos; ++count) {
    const auto answer = vmm::control::parse_answer(answers.substr(0, end));
    ORRERY_ASSERT(answer.has_value() || !answer.error().message().starts_with("the answer"));
    answers.remove_prefix(end + 1);
  }
  ORRERY_ASSERT(answers.empty());
  if (size <= vmm::control::kLongestLine) {
    ORRERY_ASSERT(count == std::count(sent.begin(), sent.end(), '\n'));
  }
  return 0;
}

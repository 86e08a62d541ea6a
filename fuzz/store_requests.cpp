// Fuzzes what a client sends to the store's server: bytes in portions of the input's first byte.
// What comes back has to be whole answers, none longer than what the store has, and nobody may be
// left behind.
#include <memory>
#include <random>
#include <string_view>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "base/sockets/scripted_stream.hpp"
#include "http/answer.hpp"
#include "http/session.hpp"
#include "store/disks.hpp"
#include "store/memory_files.hpp"
#include "store/serve/server.hpp"

namespace orrery::fuzz {
namespace {

using http::Session;

// A store with an image of 6 blocks.
struct Served {
  std::unique_ptr<EventLoop> loop = EventLoop::create().value();
  std::shared_ptr<testing::MemoryFolder> folder = std::make_shared<testing::MemoryFolder>();
  store::serve::Library library{make_store(folder)};
  WorkerPool workers{1};
  http::Limits limits{.body = store::kMostUploadBody};

  // Of each input its own, so that none finds what another one left. The first upload is "1".
  std::unique_ptr<store::serve::Uploads> make_uploads() const {
    store::serve::Uploads::Outside outside;
    // What it publishes goes into a folder of its own, with the same files in it.
    auto own = std::make_shared<testing::MemoryFolder>();
    own->names = folder->names;
    outside.open = [own] {
      return store::Store::open(std::make_unique<testing::MemoryFiles>(own));
    };
    outside.draw_id = [number = 0]() mutable { return std::to_string(++number); };
    return std::make_unique<store::serve::Uploads>(
        store::serve::Tokens::parse("me 0123456789abcdef").value(), std::move(outside));
  }

  static std::unique_ptr<store::Store> make_store(
      const std::shared_ptr<testing::MemoryFolder>& folder) {
    log::set_level(log::Level::kError);
    auto store = store::Store::create(std::make_unique<testing::MemoryFiles>(folder)).value();
    std::mt19937_64 random(1);
    const auto disk = testing::make_disk(random, 6, 100);
    ORRERY_ASSERT(testing::add_disk(*store, "disk", disk, random).has_value());
    return store;
  }
};

// The first answer is whole; behind one to a HEAD, which has no body, no parser finds the next.
void check_answers(ByteSpan received) {
  if (received.empty()) return;
  const std::string_view text(reinterpret_cast<const char*>(received.data()), received.size());
  ORRERY_ASSERT(text.starts_with("HTTP/1.1 ") && text.find("\r\n\r\n") != std::string_view::npos);
  if (text.find("HTTP/1.1 ", 1) != std::string_view::npos) return;
  const std::size_t end = text.find("\r\n\r\n") + 4;
  http::AnswerParser parser(256_KiB);
  const auto whole = parser.put(received);
  ORRERY_ASSERT(whole && (*whole || end == text.size()));
}

}  // namespace
}  // namespace orrery::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace orrery;
  static fuzz::Served served;
  if (size == 0) return 0;
  testing::ScriptedStream stream;
  stream.most_at_once = data[0] == 0 ? SIZE_MAX : data[0];
  const auto uploads = served.make_uploads();
  store::serve::LibraryHandler handler(*served.loop, served.workers, served.library, uploads.get());
  fuzz::Session session({*served.loop, handler, served.workers, served.limits}, stream);
  auto task = session.serve();
  task.start([] { served.loop->stop(); });
  stream.give(as_bytes(data + 1, size - 1));
  stream.leave();
  while (!task.done()) served.loop->run();
  served.loop->poll();  // a stop() that came before, too
  fuzz::check_answers(stream.received);
  return 0;
}

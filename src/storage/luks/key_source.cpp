#include "storage/luks/key_source.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "base/types.hpp"

namespace orrery::storage {
namespace {

using luks::SecretBytes;

// As cryptsetup limits a file and a line.
constexpr std::uint64_t kLargestFile = 8_MiB;
constexpr std::size_t kLongestLine = 512;
constexpr std::byte kControlC{3};

// Up to END: a newline, or the end of the file.
enum class End : std::uint8_t { kLine, kFile };
Result<SecretBytes> read_to(End end, const FileDescriptor& file, std::size_t most,
                            const std::string& name) {
  struct stat status {};
  const bool measured = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  const auto known = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
  SecretBytes bytes((measured ? std::min(known, most) : most) + 1);
  std::size_t size = 0;
  for (;;) {
    if (size == bytes.size()) return fail(format("{}: is longer than {} bytes", name, size - 1));
    // A terminal gives a line at a time; what was typed ahead of the next question stays there.
    const std::size_t wanted = end == End::kLine ? 1 : bytes.size() - size;
    const ssize_t count = ::read(file.get(), &bytes.bytes()[size], wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(name + ": cannot be read");
    const std::byte last = bytes.bytes()[size];
    if (end == End::kLine && last == kControlC) return fail(name + ": cancelled");
    if (count == 0 || (end == End::kLine && last == std::byte{'\n'})) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.shorten(size);
  return bytes;
}

// The terminal without echo, while a key is typed. Control-C ends the line, so that the echo comes
// back whatever happens.
class Quiet {
 public:
  explicit Quiet(int terminal) : terminal_(terminal) {
    known_ = ::tcgetattr(terminal, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    quiet.c_lflag |= ECHONL;
    quiet.c_cc[VEOL] = static_cast<cc_t>(kControlC);
    if (known_) ::tcsetattr(terminal, TCSAFLUSH, &quiet);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() {
    if (known_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }

 private:
  const int terminal_;
  bool known_ = false;
  termios before_{};
};

Result<SecretBytes> ask(const std::string& what) {
  const FileDescriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    return fail(format("{}: there is no terminal to ask on; give it in a file (key-file)", what));
  }
  const std::string question = what + ": ";
  (void)!::write(terminal.get(), question.data(), question.size());
  const Quiet quiet(terminal.get());
  ORRERY_TRY(SecretBytes key, read_to(End::kLine, terminal, kLongestLine, what));
  if (key.size() == 0) return fail(what + ": nothing was typed");
  return key;
}

}  // namespace

Result<SecretBytes> read_key(const KeySource& source, const std::string& what) {
  if (source.kind == KeySource::Kind::kPrompt) return ask(what);
  if (source.kind == KeySource::Kind::kHeld) {
    SecretBytes copy(source.held->size());
    std::ranges::copy(source.held->bytes(), copy.bytes().begin());
    return copy;
  }
  const FileDescriptor file(::open(source.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(format("{}: {}: cannot open", what, source.path));
  ORRERY_TRY(SecretBytes key, read_to(End::kFile, file, kLargestFile, source.path));
  if (key.size() == 0) return fail(format("{}: {}: is empty", what, source.path));
  return key;
}

Result<SecretBytes> read_new_key(const KeySource& source, const std::string& what) {
  ORRERY_TRY(SecretBytes key, read_key(source, what));
  if (source.kind != KeySource::Kind::kPrompt) return key;
  ORRERY_TRY(const SecretBytes again, ask(what + " (again)"));
  if (!luks::equal_in_constant_time(key.bytes(), again.bytes())) {
    return fail(what + ": what was typed differs");
  }
  return key;
}

Result<KeySource> hold_new_key(const KeySource& source, const std::string& what) {
  ORRERY_TRY(SecretBytes key, read_new_key(source, what));
  return KeySource{.kind = KeySource::Kind::kHeld,
                   .path = {},
                   .held = std::make_shared<const SecretBytes>(std::move(key))};
}

}  // namespace orrery::storage

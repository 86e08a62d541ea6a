#include "store/remote/upload.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>
#include <poll.h>

#include "base/format.hpp"
#include "store/upload_entries.hpp"

namespace orrery::store::remote {
namespace {

using http::Answer;
using http::Method;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMostAnswer = 1_MiB;
constexpr std::uint64_t kMostImageFile = 256_MiB;
constexpr unsigned kOk = 200;
constexpr unsigned kCreated = 201;
constexpr unsigned kNotFound = 404;
constexpr unsigned kConflict = 409;
// How often the server may be elsewhere than we thought, in all: a lost answer is one, and two
// programs that upload different images of one name send each other back for ever.
constexpr unsigned kMostSetbacks = 256;

// One entry for each segment and stretch of zeroes, none of them with bytes.
std::vector<UploadEntry> entries_of(const Image& image) {
  std::vector<UploadEntry> entries;
  for (const Run& run : image.manifest().runs) {
    if (run.zeroes()) {
      entries.push_back({.length = run.count, .digest = {}, .bytes = {}});
      continue;
    }
    const PackTable& table = image.pack(run.pack).table();
    for (std::uint64_t i = 0; i < run.count; ++i) {
      const auto segment = static_cast<std::uint32_t>(run.first + i);
      entries.push_back({.kind = UploadEntry::Kind::kKnown,
                         .length = table.length_of(segment),
                         .digest = table.digests[segment],
                         .bytes = {}});
    }
  }
  return entries;
}

std::string said(const Answer& answer) {
  std::string text(answer.text().substr(0, 500));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return format("the server says: {}", text);
}

struct Begun {
  std::string id;
  std::uint64_t entries = 0;
  std::string digest;
};
Result<Begun> parse_state(const Answer& answer) {
  const auto json = nlohmann::json::parse(answer.text(), nullptr, false);
  Begun begun;
  if (json.is_object() && json.contains("upload") && json["upload"].is_string() &&
      json.contains("entries") && json["entries"].is_number_unsigned() && json.contains("digest") &&
      json["digest"].is_string()) {
    begun.id = http::percent_encode(json["upload"].get<std::string>());
    begun.entries = json["entries"];
    begun.digest = json["digest"];
    return begun;
  }
  return fail("the server's answer says nothing of an upload; is it an Orrery of this version?");
}

class Uploader {
 public:
  Uploader(const Image& image, const StoreServer& server, const Interrupt& interrupt,
           const UploadOptions& options, const Progress& progress)
      : image_(image),
        interrupt_(interrupt),
        options_(options),
        progress_(progress),
        connection_(server, interrupt, options.times),
        entries_(entries_of(image)) {
    for (const UploadEntry& entry : entries_) {
      offsets_.push_back(report_.size);
      report_.size += entry.length;
      if (entry.kind == UploadEntry::Kind::kZeroes) continue;
      report_.data += entry.length;
      ++report_.segments;
    }
  }

  Result<UploadReport> run() {
    last_success_ = Clock::now();
    while (true) {
      ORRERY_CHECK(begin());
      ORRERY_TRY(const bool sent, send_all());
      if (!sent) continue;
      ORRERY_TRY(const bool published, publish());
      if (published) break;
    }
    report_.sent = connection_.sent();
    return report_;
  }

 private:
  // Asks until there is an answer, for as long as there is patience.
  Result<Answer> ask(Method method, std::string path, std::vector<std::byte> body,
                     std::uint64_t most = kMostAnswer) {
    Ask ask;
    ask.method = method;
    ask.path = std::move(path);
    ask.authorization = "Bearer " + options_.token;
    ask.body = std::move(body);
    ask.most = most;
    while (true) {
      auto answer = connection_.ask(ask);
      // A server that is ending, or has no room now, is as good as away.
      if (answer && answer->status != 503) {
        last_success_ = Clock::now();
        return answer;
      }
      if (connection_.distrusted()) return answer;
      const std::string why = answer ? said(*answer) : answer.error().message();
      if (Clock::now() - last_success_ > options_.patience) {
        return fail(
            format("{}; once the server is back, the same command goes on where it was", why));
      }
      ORRERY_CHECK(pause());
    }
  }
  Result<> pause() const {
    pollfd polled{interrupt_.descriptor(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(options_.pause.count())) > 0) {
      return fail("is not wanted any more");
    }
    return report(progress_, offset_of(next_), report_.size);
  }
  std::uint64_t offset_of(std::uint64_t entry) const {
    return entry < offsets_.size() ? offsets_[entry] : report_.size;
  }

  Result<> set_back() {
    if (++setbacks_ <= kMostSetbacks) return {};
    return fail("another program uploads an image of this name; wait for it, or choose another");
  }

  // Goes on where the server has come to, if that is a part of this image.
  Result<> begin() {
    std::string path = format("/uploads?name={}", http::percent_encode(options_.name));
    for (const std::string& tag : options_.tags) path += "&tag=" + http::percent_encode(tag);
    if (options_.replace) path += "&replace=1";
    while (true) {
      ORRERY_TRY(const Answer answer, ask(Method::kPost, path, {}));
      if (answer.status != kCreated) return fail(said(answer));
      ORRERY_TRY(const Begun begun, parse_state(answer));
      id_ = begun.id;
      if (goes_on(begun)) return {};
      ORRERY_CHECK(set_back());
      ORRERY_TRY(const Answer ended, ask(Method::kDelete, "/uploads/" + id_, {}));
    }
  }
  bool goes_on(const Begun& begun) {
    if (begun.entries > entries_.size()) return false;
    UploadState state;
    for (std::uint64_t i = 0; i < begun.entries; ++i) state.add(entries_[i]);
    next_ = begun.entries;
    return to_hex(state.digest()) == begun.digest;
  }

  // False: begin anew.
  Result<bool> send_all() {
    while (next_ < entries_.size()) {
      ORRERY_TRY(const auto missing, ask_missing());
      if (!missing) return false;
      const std::uint64_t end = std::min<std::uint64_t>(entries_.size(), next_ + kMostAsked);
      for (const std::uint64_t first = next_; next_ < end;) {
        ORRERY_CHECK(report(progress_, offset_of(next_), report_.size));
        ORRERY_TRY(const bool taken, send_some(end, first, *missing));
        if (!taken) return false;
      }
    }
    return true;
  }

  // Of the entries from next_ on, kMostAsked at most: a bit for each that has to be sent.
  Result<std::optional<std::vector<bool>>> ask_missing() {
    const std::uint64_t end = std::min<std::uint64_t>(entries_.size(), next_ + kMostAsked);
    std::vector<std::byte> digests;
    for (std::uint64_t i = next_; i < end; ++i) {
      const auto& bytes = entries_[i].digest.bytes;
      digests.insert(digests.end(), bytes.begin(), bytes.end());
    }
    ORRERY_TRY(const Answer answer,
               ask(Method::kPost, format("/uploads/{}/missing", id_), std::move(digests)));
    if (answer.status == kNotFound) {
      ORRERY_CHECK(set_back());
      return std::nullopt;
    }
    if (answer.status != kOk) return fail(said(answer));
    if (answer.body.size() != (end - next_ + 7) / 8) {
      return fail("the server's answer about what is missing has another length");
    }
    std::vector<bool> missing;
    for (std::uint64_t i = 0; i < end - next_; ++i) {
      missing.push_back((answer.body[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0});
    }
    return missing;
  }

  // One body of entries, as many as fit. MISSING: of those from FIRST on. False: begin anew.
  Result<bool> send_some(std::uint64_t end, std::uint64_t first, const std::vector<bool>& missing) {
    std::vector<std::byte> unpacked;
    std::vector<std::byte> bytes;
    std::set<Digest> within;  // sent in this body
    std::uint64_t at = next_;
    for (; at < end; ++at) {
      UploadEntry entry = entries_[at];
      const bool zeroes = entry.kind == UploadEntry::Kind::kZeroes;
      if (!zeroes && missing[at - first] && !sent_.contains(entry.digest) &&
          !within.contains(entry.digest)) {
        entry.kind = UploadEntry::Kind::kData;
      }
      if (unpacked.size() + size_of(entry) > kMostUnpacked) break;
      if (entry.kind == UploadEntry::Kind::kData) {
        bytes.resize(entry.length);
        ORRERY_CHECK(image_.read(offsets_[at], bytes));
        entry.bytes = bytes;
        within.insert(entry.digest);
      }
      append_entry(unpacked, entry);
    }
    ORRERY_TRY(const Answer answer, ask(Method::kPut, format("/uploads/{}/entries/{}", id_, next_),
                                        pack_body(unpacked)));
    if (answer.status == kConflict || answer.status == kNotFound) {
      // What was sent may have been taken, and the answer lost; begin() finds out.
      sent_.clear();
      ORRERY_CHECK(set_back());
      return false;
    }
    if (answer.status != kOk) return fail(said(answer));
    report_.sent_segments += within.size();
    sent_.merge(within);
    next_ = at;
    return true;
  }

  // False: begin anew.
  Result<bool> publish() {
    ORRERY_TRY(const Answer answer, ask(Method::kPost, format("/uploads/{}/publish", id_), {}));
    if (answer.status == kCreated) return true;
    if (answer.status != kNotFound) return fail(said(answer));
    // Perhaps it was published, and the answer lost.
    ORRERY_TRY(const Answer file,
               ask(Method::kGet, "/images/" + options_.name, {}, kMostImageFile));
    if (file.status == kOk) {
      const auto manifest = parse_manifest(file.body);
      if (manifest && manifest->content == image_.manifest().content) return true;
    }
    ORRERY_CHECK(set_back());
    return false;
  }

  const Image& image_;
  const Interrupt& interrupt_;
  const UploadOptions& options_;
  const Progress& progress_;
  Connection connection_;
  const std::vector<UploadEntry> entries_;
  std::vector<std::uint64_t> offsets_;  // of entries in the disk
  UploadReport report_;
  std::string id_;
  std::uint64_t next_ = 0;  // entry
  std::set<Digest> sent_;   // in this upload, so that the server has them though it said otherwise
  unsigned setbacks_ = 0;
  Clock::time_point last_success_;
};

}  // namespace

Result<UploadReport> upload_image(const Image& image, const StoreServer& server,
                                  const Interrupt& interrupt, const UploadOptions& options,
                                  const Progress& progress) {
  auto done = Uploader(image, server, interrupt, options, progress).run();
  if (!done)
    return fail(done.error().context(format("{} to {}", options.name, server.address.name)));
  return done;
}

}  // namespace orrery::store::remote

#include "storage/tools/disk_content.hpp"

#include "base/format.hpp"
#include "storage/chain_link.hpp"
#include "storage/content/open_link.hpp"
#include "storage/content/segment_list.hpp"
#include "storage/content_root.hpp"
#include "storage/disk_image.hpp"
#include "storage/io/open_file.hpp"
#include "storage/qcow2/content_record.hpp"
#include "storage/request/run_task.hpp"
#include "storage/store/store_disk.hpp"
#include "storage/tools/open_alone.hpp"

namespace orrery::storage {
namespace {

// What the link above says of the next one.
struct Expected {
  std::string above;  // empty: nothing is above
  DiskIdentity identity;
  std::optional<store::Digest> root;
};

ContentFinding judge(const std::string& path, const OpenLink& link, const Expected& expected,
                     const store::Digest& found) {
  using Kind = ContentFinding::Kind;
  const auto changed = [&](const std::string& by, const store::Digest& root) {
    return ContentFinding{
        Kind::kChanged, path,
        format("{}: changed: it holds the content {}, and {} recorded {}, of {}; bring back a copy "
               "of that time, or see what differs with `orrery disk compare`",
               path, short_hex(found), by, short_hex(root),
               describe(by == path ? link.identity : expected.identity))};
  };
  if (link.roots.own && *link.roots.own != found) return changed(path, *link.roots.own);
  if (expected.root && *expected.root != found) return changed(expected.above, *expected.root);
  const bool other =
      expected.identity.kind != DiskIdentity::Kind::kNone && expected.identity != link.identity;
  if (other && !expected.root) {
    return {Kind::kUnknown, path,
            format("{}: was written since {} was made over it ({} was expected, and it is {}), and "
                   "no content was recorded",
                   path, expected.above, describe(expected.identity), describe(link.identity))};
  }
  return {Kind::kWhole, path,
          format("{}: holds the content {}, as it was recorded{}", path, short_hex(found),
                 other ? ", though its identifier is another" : "")};
}

ContentFinding unreadable(const std::string& path, const Error& error) {
  return {ContentFinding::Kind::kUnreadable, path,
          format("{}: cannot be read: {}", path, error.message())};
}

ContentFinding look_at(EventLoop& loop, const std::string& path, const OpenLink& link,
                       const Expected& expected, const Progress& progress) {
  if (!link.roots.own && !expected.root) {
    return {ContentFinding::Kind::kUnknown, path,
            format("{}: no content is recorded; `orrery disk seal` does it", path)};
  }
  const auto found = content_root(loop, *link.disk, progress);
  return found ? judge(path, link, expected, *found) : unreadable(path, found.error());
}

// Computed, and its segments written beside it if that is asked for.
Result<store::Digest> compute_root(EventLoop& loop, const std::string& path, port::Blocks& disk,
                                   const Progress& progress, Segments segments) {
  if (segments == Segments::kNone) return content_root(loop, disk, progress);
  SegmentList list;
  ORRERY_TRY(const store::Digest root, content_root(loop, disk, progress, &list));
  ORRERY_CHECK(write_segment_list(path, list));
  return root;
}

// The backing file's root, as it says itself or computed.
Result<> record_backing(EventLoop& loop, qcow2::Image& image, const Progress& progress,
                        Segments segments) {
  ORRERY_TRY(const DiskOptions options, options_below(image.path(), image.header()));
  ORRERY_TRY(const OpenLink below, open_link(loop, options, create_queue(loop, options.path)));
  store::Digest root;
  if (below.roots.own) {
    root = *below.roots.own;
  } else {
    const auto wanted = names_store_image(options.path) ? Segments::kNone : segments;
    ORRERY_TRY(root, compute_root(loop, options.path, *below.disk, progress, wanted));
  }
  return run_task(loop, image.record_parent(below.identity, root));
}

}  // namespace

Result<> seal_disk(EventLoop& loop, const std::string& path, const Progress& progress,
                   Segments segments) {
  ORRERY_CHECK(expect_qcow2(path, std::nullopt));
  {
    // Nothing is written down of a chain whose links do not fit.
    DiskOptions whole;
    whole.path = path;
    whole.read_only = true;
    ORRERY_TRY(const auto chain, open_disk(loop, whole));
  }
  ORRERY_TRY(const auto disk, open_alone(loop, path, qcow2::Access::kWrite));
  qcow2::Image& image = disk->image();
  if (!image.header().backing.empty()) {
    ORRERY_CHECK(record_backing(loop, image, progress, segments));
  }
  ORRERY_TRY(const store::Digest root, compute_root(loop, path, *disk, progress, segments));
  return run_task(loop, image.record_own_root(root));
}

Result<std::vector<ContentFinding>> check_content(EventLoop& loop, const std::string& path,
                                                  std::optional<Format> format,
                                                  const Progress& progress) {
  std::vector<ContentFinding> findings;
  DiskOptions next;
  next.path = path;
  next.read_only = true;
  ORRERY_TRY(next.format, choose_format(path, format));
  Expected expected;
  ChainLinks links;
  const auto queue = create_queue(loop, path);
  while (true) {
    // What names a file that is above it already is at fault, not that file.
    if (const Result<> entered = links.enter(next.path); !entered) {
      findings.push_back(unreadable(expected.above, entered.error()));
      return findings;
    }
    const auto link = open_link(loop, next, queue);
    if (!link) {
      findings.push_back(unreadable(next.path, link.error()));
      return findings;
    }
    findings.push_back(look_at(loop, next.path, *link, expected, progress));
    if (!link->below) return findings;
    expected = {next.path, link->recorded.parent, link->roots.parent};
    next = *link->below;
  }
}

}  // namespace orrery::storage

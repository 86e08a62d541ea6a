// An image of a store, to read from: every byte is verified before it is given out.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "store/pack/group_cache.hpp"
#include "store/pack/pack_reader.hpp"
#include "store/store.hpp"

namespace orrery::store {

struct ImageOptions {
  // Of decoded groups: 256 of them.
  std::uint64_t cache_bytes = 64_MiB;
};

// Any thread, several at a time. Its packs are open, so it stays readable when it is removed and
// collected.
class Image {
 public:
  static Result<std::unique_ptr<Image>> open(const Store& store, const std::string& name,
                                             const ImageOptions& options);

  const std::string& name() const { return name_; }
  std::uint64_t size() const { return manifest_.size; }
  const Manifest& manifest() const { return manifest_; }
  const PackReader& pack(std::uint32_t number) const { return *packs_[number]; }

  // Within the image. Errors name image, offset, segment and pack.
  Result<> read(std::uint64_t offset, MutableByteSpan to) const;

  // What begins at OFFSET.
  struct Stretch {
    std::uint64_t length = 0;
    bool zeroes = false;
  };
  Stretch stretch_at(std::uint64_t offset) const;

  // The groups that a read of these bytes takes, in their order; one may come again where the image
  // comes back to it.
  struct GroupPlace {
    std::uint32_t pack = 0;  // in the manifest's packs
    std::size_t group = 0;
    friend auto operator<=>(const GroupPlace&, const GroupPlace&) = default;
  };
  struct GroupUse {
    GroupPlace place;
    std::uint64_t offset = 0;  // in the image: of the first byte that is read of it
  };
  std::vector<GroupUse> groups_in(std::uint64_t offset, std::uint64_t length) const;

  // Whether the image is made of what it was made of when it was added. Reads no segments.
  Result<> check_content() const;

 private:
  Image(std::string store, std::string name, Manifest manifest, std::uint64_t cache_bytes)
      : store_(std::move(store)),
        name_(std::move(name)),
        manifest_(std::move(manifest)),
        cache_(std::make_unique<GroupCache>(cache_bytes)) {}

  // False: a pack is missing.
  Result<bool> open_packs(Files& files);
  Result<> place_runs();
  std::size_t run_at(std::uint64_t offset) const;
  Result<> read_run(const Run& run, std::uint64_t within, std::uint64_t offset,
                    MutableByteSpan to) const;
  Result<> read_group(std::uint32_t number, std::uint64_t start, std::uint64_t offset,
                      MutableByteSpan to) const;
  Error damage(std::uint64_t offset, std::uint32_t pack, std::uint32_t segment,
               const std::string& what) const;

  const std::string store_;  // its path
  const std::string name_;
  const Manifest manifest_;
  std::vector<std::unique_ptr<PackReader>> packs_;
  std::vector<std::uint64_t> offsets_;  // of runs, and the end
  const std::unique_ptr<GroupCache> cache_;
};

}  // namespace orrery::store

// A disk that a VM has in use, and what is done with it around snapshots: written, kept, closed.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "snapshot/library.hpp"
#include "storage/disk_image.hpp"
#include "storage/live_overlay.hpp"
#include "storage/request/run_task.hpp"
#include "storage/request/transfers.hpp"
#include "storage/tools/disk_copy.hpp"
#include "storage/tools/disk_tools.hpp"

namespace orrery::snapshot {

using Content = std::vector<std::byte>;

class DiskInUse {
 public:
  // In FOLDER, which is there and whose disk and library are made where they are not.
  DiskInUse(const std::string& folder, std::uint64_t size)
      : path_(folder + "/work.qcow2"), library_(folder + "/library"), size_(size) {
    if (::access(path_.c_str(), F_OK) == 0) return;
    storage::CreateOptions create;
    create.path = path_;
    create.size = Bytes(size);
    expect(storage::create_disk(*loop_, create), "create");
  }

  const std::string& path() const { return path_; }
  const Library& library() const { return library_; }
  EventLoop& loop() { return *loop_; }
  port::Blocks& disk() { return *gate_; }

  void open() {
    auto disk = open_file(path_, false);
    ASSERT_TRUE(disk.has_value()) << disk.error().message();
    gate_ = std::make_unique<storage::GatedDisk>(std::move(*disk));
  }
  void close() {
    if (gate_ == nullptr) return;
    expect(storage::flush_disk(*loop_, *gate_), "flush");
    gate_.reset();
  }
  bool is_open() const { return gate_ != nullptr; }

  void write(std::uint64_t offset, Content bytes) {
    expect(storage::run_task(*loop_, storage::write_all(*gate_, offset, bytes)), "write");
  }
  void zero(std::uint64_t offset, std::uint64_t length) {
    expect(storage::run_task(*loop_, storage::zero_piece(*gate_, offset, length)), "zero");
  }
  // Of the disk as it is open, or as its file is found.
  Result<Content> read() {
    if (gate_ != nullptr) return read_all(*gate_);
    return read_file(path_);
  }
  Result<Content> read_file(const std::string& path) {
    ORRERY_TRY(const auto disk, open_file(path, true));
    return read_all(*disk);
  }
  // Of a snapshot, whose disk has to be the one that it was made with.
  Result<Content> read_snapshot(const std::string& name) {
    ORRERY_TRY(const Manifest manifest, library_.read(name));
    const std::string path = library_.disk_path(manifest.disks.at(0).file);
    ORRERY_TRY(const auto described, storage::describe_disk(*loop_, path, storage::Format::kQcow2));
    if (described.identity != manifest.disks[0].identity) return fail(path + ": another identity");
    return read_file(path);
  }

  // What `orrery snapshot create` and a VM do, with a page of memory. The disk is open.
  void take(const std::string& name) {
    auto made = NewSnapshot::begin(library_, name);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    const std::string file = made->new_disk();
    const std::string scratch = made->scratch("disk0");
    auto opened =
        storage::create_overlay_file(*loop_, scratch, library_.disk_path(file), Bytes(size_));
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    auto overlay = storage::run_task(
        *loop_, storage::LiveOverlay::prepare(*loop_, *gate_, std::move(*opened), scratch));
    ASSERT_TRUE(overlay.has_value()) << overlay.error().message();
    gate_->hold();
    const auto identity = storage::run_task(*loop_, (*overlay)->freeze());
    ASSERT_TRUE(identity.has_value()) << identity.error().message();
    expect(made->change_disk(path_, file, scratch), "change");
    ASSERT_TRUE((*overlay)->has_name(path_));
    (*overlay)->lay();
    gate_->release();
    ASSERT_EQ(::ftruncate(made->memory(), kPageSize), 0);
    ASSERT_EQ(::pwrite(made->state(), "state", 5, 0), 5);
    Manifest manifest;
    manifest.regions = {{GuestPhysical(0), Bytes(kPageSize)}};
    manifest.disks = {{file, path_, storage::describe(*identity), "", false, true}};
    const auto committed = made->commit(manifest);
    ASSERT_TRUE(committed.has_value()) << committed.error().message();
  }

  // Two snapshots in a row, "s0" and "s1", so that the disk of the second lies over that of the
  // first. Returns what the disk holds then, which is closed.
  Content take_two() {
    Content content(size_);
    open();
    for (unsigned i = 0; i < 2; ++i) {
      const Content bytes(128_KiB, static_cast<std::byte>('a' + i));
      std::copy(bytes.begin(), bytes.end(), content.begin() + i * 64_KiB);
      write(i * 64_KiB, bytes);
      take("s" + std::to_string(i));
    }
    close();
    return content;
  }

 private:
  static void expect(const Result<>& done, const std::string& doing) {
    ASSERT_TRUE(done.has_value()) << doing << ": " << done.error().message();
  }
  Result<std::unique_ptr<port::Blocks>> open_file(const std::string& path, bool read_only) {
    storage::DiskOptions options;
    options.path = path;
    options.read_only = read_only;
    return storage::open_disk(*loop_, options);
  }
  Result<Content> read_all(port::Blocks& disk) {
    Content content(size_);
    ORRERY_CHECK(storage::run_task(*loop_, storage::read_all(disk, 0, content)));
    return content;
  }

  std::unique_ptr<EventLoop> loop_ = EventLoop::create().value();
  std::string path_;
  Library library_;
  const std::uint64_t size_;
  std::unique_ptr<storage::GatedDisk> gate_;
};

}  // namespace orrery::snapshot

// What a snapshot of a VM consists of: docs/formats/snapshot.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/error.hpp"
#include "base/types.hpp"
#include "store/digest.hpp"

namespace orrery::snapshot {

// A file of the snapshot's folder; zeroes: not known yet.
struct Part {
  std::uint64_t bytes = 0;
  store::Digest digest;
  friend bool operator==(const Part&, const Part&) = default;
};

// An option of `orrery run`, as its table has it.
struct Option {
  std::string name;
  std::string value;
  friend bool operator==(const Option&, const Option&) = default;
};

// One stretch of guest-physical memory; in the memory's file they follow each other in this order.
struct Region {
  GuestPhysical start;
  Bytes size;
  friend bool operator==(const Region&, const Region&) = default;
};

struct Disk {
  std::string file;  // `kept`: in the library's folder of disks; otherwise what --disk said
  // Of one that the VM wrote: which name it had, and what took its place has. Empty: of one that it
  // read, or that came from another host.
  std::string path;
  std::string identity;  // of its content, as storage::describe() tells
  std::string serial;
  bool read_only = false;
  bool kept = false;  // by the library; others stay where they are
  friend bool operator==(const Disk&, const Disk&) = default;
};

struct Manifest {
  std::string name;
  std::string parent;           // the snapshot that the VM had gone on from; empty: none
  std::uint64_t created = 0;    // nanoseconds since 1970, by the host's clock
  std::string hypervisor;       // its kind's name
  std::vector<Option> options;  // that make the machine what it is
  std::vector<Region> regions;
  std::vector<Disk> disks;  // in the order of the VM's
  Part state;
  Part sums;  // digests of the memory's pieces

  Bytes memory() const;  // of all regions
  // The VM ended there, and goes on with its own disks: once.
  bool suspended() const;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// What makes a text a manifest comes with it, also a digest of all the rest.
std::string encode_manifest(const Manifest& manifest);
// Refuses another version and whatever is not as encode_manifest() writes it, with what is wrong.
Result<Manifest> parse_manifest(std::string_view text);

// The fields only: what a VM tells who makes a snapshot of it.
nlohmann::json to_json(const Manifest& manifest);
Result<Manifest> from_json(const nlohmann::json& fields);

}  // namespace orrery::snapshot

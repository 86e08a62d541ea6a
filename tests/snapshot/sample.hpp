// The manifest of docs/formats/snapshot.md.
#pragma once

#include "snapshot/manifest.hpp"

namespace orrery::snapshot {

inline Manifest sample_manifest() {
  Manifest manifest;
  manifest.name = "before";
  manifest.created = 1'764'252'000'000'000'000;
  manifest.hypervisor = "soft";
  manifest.options = {{"memory", "512M"}};
  manifest.regions = {{GuestPhysical(0), Bytes(512_MiB)}};
  manifest.disks = {{"before-00c0ffee00c0ffee.qcow2", "/vm/work.qcow2",
                     "000102030405060708090a0b0c0d0e0f of 2025-11-27 14:00:00.000000000 UTC", "",
                     false, true}};
  manifest.state.bytes = 3;
  manifest.sums.bytes = 16384;
  return manifest;
}

}  // namespace orrery::snapshot

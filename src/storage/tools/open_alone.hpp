// An image without what lies below it, for tools. Private to storage/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/loop/event_loop.hpp"
#include "storage/disk_format.hpp"
#include "storage/qcow2/disk.hpp"
#include "storage/request/read_disk.hpp"
#include "storage/vhdx/disk.hpp"

namespace orrery::storage {

// Runs the loop.
Result<std::unique_ptr<qcow2::Disk>> open_alone(EventLoop& loop, const std::string& path,
                                                qcow2::Access access);
Result<std::unique_ptr<vhdx::Disk>> open_vhdx_alone(EventLoop& loop, const std::string& path,
                                                    vhdx::Access access);
// A VHD or a VMDK.
Result<std::unique_ptr<ReadDisk>> open_read_alone(EventLoop& loop, const std::string& path,
                                                  Format format);

// For what only qcow2 has.
Result<> expect_qcow2(const std::string& path, std::optional<Format> said);

}  // namespace orrery::storage

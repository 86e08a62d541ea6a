// Files and folders of the host, durably. Errors name the path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/files/file_descriptor.hpp"

namespace orrery::snapshot {

// A new file, open to write and read.
Result<FileDescriptor> create_file(const std::string& path);
Result<> write_all(int file, ByteSpan bytes, std::uint64_t offset, const std::string& path);
// All of FROM into the empty file TO, whose path is PATH, with its holes.
Result<> copy_sparse(int from, int to, const std::string& path);
// All of a file of at most MOST bytes.
Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t most);
// A new file with this content, durable with its name only after sync_folder().
Result<> write_file(const std::string& path, ByteSpan bytes);
Result<> sync_file(int file, const std::string& path);
Result<> sync_folder(const std::string& path);
Result<> make_folders(const std::string& path);
// With all that is in it.
void remove_folder(const std::string& path);

}  // namespace orrery::snapshot

// What an NBD server offers: exports by name. The server knows disks only by this, so that one
// disk, a store of images, or copies on write for each client are served alike.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/loop/task.hpp"
#include "port/blocks.hpp"

namespace orrery::storage::nbd {

// All on the I/O loop's thread.
class Export {
 public:
  // Whether clients at the same time see one disk, so that what one flushes is there for all
  // (NBD_FLAG_CAN_MULTI_CONN), or each has its own.
  enum class Sharing : std::uint8_t { kOneDisk, kDiskOfItsOwn };

  virtual ~Export() = default;

  // UTF-8 without NUL, at most 4,096 bytes each; the description is for people, and may be empty.
  virtual const std::string& name() const = 0;
  virtual const std::string& description() const = 0;
  // As every disk from open() has it.
  virtual const port::BlockGeometry& geometry() const = 0;
  virtual Sharing sharing() const = 0;

  // The disk for one more client, who drops it when it leaves and has no request in flight. The
  // error is told to the client: no host paths in it.
  virtual Task<Result<std::shared_ptr<port::Blocks>>> open() = 0;
};

class Catalogue {
 public:
  virtual ~Catalogue() = default;
  // What a client that asks for a list is told, in this order.
  virtual std::vector<std::shared_ptr<Export>> list() = 0;
  // Null: there is none. The empty name is the one for clients that know none.
  virtual std::shared_ptr<Export> find(std::string_view name) = 0;
};

}  // namespace orrery::storage::nbd

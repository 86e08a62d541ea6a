// The handshake of an NBD client, without its socket: what each option is answered with
// (doc/proto.md, "Fixed newstyle negotiation", "Option types"). One per client.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "storage/nbd/catalogue.hpp"
#include "storage/nbd/protocol.hpp"

namespace orrery::storage::nbd {

// What requests may rely on, once the handshake is done.
struct Agreement {
  std::uint16_t flags = 0;  // transmission_flag
  bool structured_replies = false;
  bool block_status = false;  // of kBaseAllocation
};

// The flags of an export for a client that agreed to structured replies, or did not.
std::uint16_t transmission_flags(const Export& shown, bool structured_replies);

class Negotiation {
 public:
  enum class Next : std::uint8_t {
    kOption,  // the client goes on
    kOpen,    // chosen() is to be opened, and finish() told how that went
    kEnd,     // the connection is closed once the replies are sent
  };

  explicit Negotiation(Catalogue& catalogue) : catalogue_(catalogue) {}

  static std::array<std::byte, 18> greeting();
  // False: flags that nobody knows, so the connection has to be closed.
  bool take_client_flags(std::uint32_t flags);
  // Appends what it is answered with to REPLIES.
  Next take_option(std::uint32_t option, ByteSpan data, ByteWriter& replies);
  // An option whose data was too long to be looked at.
  void refuse_too_long(std::uint32_t option, ByteWriter& replies);

  Export& chosen() { return *chosen_; }
  // ERROR: why it could not be opened; kOpen is never the answer.
  Next finish(const std::optional<Error>& error, ByteWriter& replies);
  Agreement agreement() const;

 private:
  Next list(ByteSpan data, ByteWriter& replies);
  Next choose_by_name(ByteSpan data);
  Next inform(ByteSpan data, ByteWriter& replies);
  Next agree_to_structured_replies(ByteSpan data, ByteWriter& replies);
  Next meta_contexts(ByteSpan data, ByteWriter& replies);
  void write_information(const Export& shown, bool with_sizes, ByteWriter& replies);
  void reply(OptionReply type, ByteSpan payload, ByteWriter& replies);
  Next ok(ByteWriter& replies);
  Next refuse(OptionReply type, std::string_view why, ByteWriter& replies);

  Catalogue& catalogue_;
  Option option_{};  // the one that is being answered
  bool omits_zeroes_ = false;
  bool structured_replies_ = false;
  std::shared_ptr<Export> chosen_;
  bool sizes_asked_ = false;                 // with kGo
  std::shared_ptr<Export> with_allocation_;  // whose allocation the client has selected
};

}  // namespace orrery::storage::nbd

#include "storage/nbd/negotiation.hpp"

#include <algorithm>

#include "storage/nbd/limits.hpp"
#include "storage/nbd/wire.hpp"

namespace orrery::storage::nbd {

std::uint16_t transmission_flags(const Export& shown, bool structured_replies) {
  namespace flag = transmission_flag;
  const port::BlockGeometry& geometry = shown.geometry();
  std::uint16_t flags = flag::kHasFlags | flag::kSendFlush | flag::kSendFua | flag::kSendCache;
  if (geometry.read_only) flags |= flag::kReadOnly;
  if (structured_replies) flags |= flag::kSendDf;
  // Whoever only reads sees the same on every connection.
  if (geometry.read_only || shown.sharing() == Export::Sharing::kOneDisk) {
    flags |= flag::kCanMultiConn;
  }
  if (!geometry.read_only && geometry.can_discard) flags |= flag::kSendTrim;
  if (!geometry.read_only && geometry.can_write_zeroes) {
    flags |= flag::kSendWriteZeroes | flag::kSendFastZero;
  }
  return flags;
}

std::array<std::byte, 18> Negotiation::greeting() {
  std::array<std::byte, 18> bytes{};
  store_be(bytes.data(), kInitPasswd);
  store_be(bytes.data() + 8, kOptionMagic);
  store_be(bytes.data() + 16,
           static_cast<std::uint16_t>(handshake_flag::kFixedNewstyle | handshake_flag::kNoZeroes));
  return bytes;
}

bool Negotiation::take_client_flags(std::uint32_t flags) {
  if ((flags & ~(client_flag::kFixedNewstyle | client_flag::kNoZeroes)) != 0) return false;
  omits_zeroes_ = (flags & client_flag::kNoZeroes) != 0;
  return true;
}

Negotiation::Next Negotiation::take_option(std::uint32_t option, ByteSpan data,
                                           ByteWriter& replies) {
  option_ = static_cast<Option>(option);
  switch (option_) {
    case Option::kExportName: return choose_by_name(data);
    case Option::kAbort: ok(replies); return Next::kEnd;
    case Option::kList: return list(data, replies);
    case Option::kInfo:
    case Option::kGo: return inform(data, replies);
    case Option::kStructuredReply: return agree_to_structured_replies(data, replies);
    case Option::kListMetaContext:
    case Option::kSetMetaContext: return meta_contexts(data, replies);
    case Option::kStartTls:
      return refuse(OptionReply::kErrorUnsupported, "this server has no TLS", replies);
  }
  return refuse(OptionReply::kErrorUnsupported, "this server does not know the option", replies);
}

void Negotiation::refuse_too_long(std::uint32_t option, ByteWriter& replies) {
  option_ = static_cast<Option>(option);
  refuse(OptionReply::kErrorTooBig, "the option's data is too long", replies);
}

Negotiation::Next Negotiation::list(ByteSpan data, ByteWriter& replies) {
  if (!data.empty()) return refuse(OptionReply::kErrorInvalid, "the option has no data", replies);
  for (const std::shared_ptr<Export>& each : catalogue_.list()) {
    ByteWriter payload;
    write_be(payload, static_cast<std::uint32_t>(each->name().size()));
    write_text(payload, each->name());
    write_text(payload, each->description());
    reply(OptionReply::kServer, payload.take(), replies);
  }
  return ok(replies);
}

// There is no way to say that there is no such export.
Negotiation::Next Negotiation::choose_by_name(ByteSpan data) {
  chosen_ = catalogue_.find({reinterpret_cast<const char*>(data.data()), data.size()});
  return chosen_ ? Next::kOpen : Next::kEnd;
}

// NBD_OPT_INFO and NBD_OPT_GO.
Negotiation::Next Negotiation::inform(ByteSpan data, ByteWriter& replies) {
  ByteReader reader(data);
  const auto name = read_string(reader);
  const auto count = read_be<std::uint16_t>(reader);
  if (!name || !count || reader.remaining() != *count * sizeof(std::uint16_t)) {
    return refuse(OptionReply::kErrorInvalid, "the option's data has not the length it says",
                  replies);
  }
  bool sizes_asked = false;
  while (const auto asked = read_be<std::uint16_t>(reader)) {
    sizes_asked |= static_cast<Info>(*asked) == Info::kBlockSize;
  }
  std::shared_ptr<Export> found = catalogue_.find(*name);
  if (!found) return refuse(OptionReply::kErrorUnknown, "there is no such export", replies);
  if (option_ == Option::kInfo) {
    write_information(*found, sizes_asked, replies);
    return ok(replies);
  }
  chosen_ = std::move(found);
  sizes_asked_ = sizes_asked;
  return Next::kOpen;
}

void Negotiation::write_information(const Export& shown, bool with_sizes, ByteWriter& replies) {
  const auto inform = [&](Info type, const auto& write) {
    ByteWriter payload;
    write_be(payload, static_cast<std::uint16_t>(type));
    write(payload);
    reply(OptionReply::kInfo, payload.take(), replies);
  };
  const port::BlockGeometry& geometry = shown.geometry();
  inform(Info::kExport, [&](ByteWriter& payload) {
    write_be(payload, geometry.size.value());
    write_be(payload, transmission_flags(shown, structured_replies_));
  });
  inform(Info::kName, [&](ByteWriter& payload) { write_text(payload, shown.name()); });
  if (!shown.description().empty()) {
    inform(Info::kDescription,
           [&](ByteWriter& payload) { write_text(payload, shown.description()); });
  }
  if (!with_sizes) return;
  inform(Info::kBlockSize, [&](ByteWriter& payload) {
    write_be(payload, geometry.logical_block_size);
    write_be(payload, std::max<std::uint32_t>(geometry.physical_block_size, kPageSize));
    write_be(payload, kMostPayload);
  });
}

Negotiation::Next Negotiation::agree_to_structured_replies(ByteSpan data, ByteWriter& replies) {
  if (!data.empty()) return refuse(OptionReply::kErrorInvalid, "the option has no data", replies);
  structured_replies_ = true;
  return ok(replies);
}

namespace {

// "base:" stands for all of its namespace where contexts are listed, and for none where they are
// selected ("The `base:` metadata namespace").
bool asks_for_allocation(std::string_view query, Option option) {
  return query == kBaseAllocation || (option == Option::kListMetaContext && query == "base:");
}

}  // namespace

Negotiation::Next Negotiation::meta_contexts(ByteSpan data, ByteWriter& replies) {
  const bool listing = option_ == Option::kListMetaContext;
  if (!listing) with_allocation_.reset();  // also when this fails
  if (!structured_replies_) {
    return refuse(OptionReply::kErrorInvalid, "structured replies have to be negotiated first",
                  replies);
  }
  ByteReader reader(data);
  const auto name = read_string(reader);
  const auto count = read_be<std::uint32_t>(reader);
  bool asked = listing && count == 0u;
  bool whole = name && count;
  for (std::uint32_t i = 0; whole && i < *count; ++i) {
    const auto query = read_string(reader);
    whole = query.has_value();
    asked |= whole && asks_for_allocation(*query, option_);
  }
  if (!whole || reader.remaining() != 0) {
    return refuse(OptionReply::kErrorInvalid, "the option's data has not the length it says",
                  replies);
  }
  std::shared_ptr<Export> found = catalogue_.find(*name);
  if (!found) return refuse(OptionReply::kErrorUnknown, "there is no such export", replies);
  if (!asked) return ok(replies);
  ByteWriter payload;
  write_be(payload, listing ? 0 : kBaseAllocationId);
  write_text(payload, kBaseAllocation);
  reply(OptionReply::kMetaContext, payload.take(), replies);
  if (!listing) with_allocation_ = std::move(found);
  return ok(replies);
}

Negotiation::Next Negotiation::finish(const std::optional<Error>& error, ByteWriter& replies) {
  if (option_ == Option::kGo) {
    if (error) return refuse(OptionReply::kErrorPolicy, error->message(), replies);
    write_information(*chosen_, sizes_asked_, replies);
    return ok(replies);
  }
  if (error) return Next::kEnd;
  constexpr std::array<std::byte, 124> kReserved{};
  write_be(replies, chosen_->geometry().size.value());
  write_be(replies, transmission_flags(*chosen_, structured_replies_));
  if (!omits_zeroes_) replies.write_bytes(kReserved);
  return Next::kOption;
}

Agreement Negotiation::agreement() const {
  return {
      .flags = transmission_flags(*chosen_, structured_replies_),
      .structured_replies = structured_replies_,
      .block_status = with_allocation_ != nullptr && with_allocation_->name() == chosen_->name()};
}

void Negotiation::reply(OptionReply type, ByteSpan payload, ByteWriter& replies) {
  write_be(replies, kOptionReplyMagic);
  write_be(replies, static_cast<std::uint32_t>(option_));
  write_be(replies, static_cast<std::uint32_t>(type));
  write_be(replies, static_cast<std::uint32_t>(payload.size()));
  replies.write_bytes(payload);
}

Negotiation::Next Negotiation::ok(ByteWriter& replies) {
  reply(OptionReply::kAck, {}, replies);
  return Next::kOption;
}

Negotiation::Next Negotiation::refuse(OptionReply type, std::string_view why, ByteWriter& replies) {
  reply(type, as_bytes(why.data(), std::min(why.size(), kMostStringBytes)), replies);
  return Next::kOption;
}

}  // namespace orrery::storage::nbd

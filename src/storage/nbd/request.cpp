#include "storage/nbd/request.hpp"

#include "storage/nbd/limits.hpp"
#include "storage/nbd/wire.hpp"

namespace orrery::storage::nbd {
namespace {

// What is to be known of a command before it is looked at closely.
struct Rules {
  std::uint16_t allowed_flags = 0;  // besides kFua, which every command may have
  std::uint16_t needs = 0;          // transmission_flag
  bool writes = false;
  bool has_range = true;
  bool limited = false;  // to kMostPayload
  ErrorCode beyond_the_end = ErrorCode::kInvalid;
};

std::optional<Rules> rules_of(Command command) {
  namespace flag = command_flag;
  namespace offered = transmission_flag;
  switch (command) {
    case Command::kRead: return Rules{.allowed_flags = flag::kDf, .limited = true};
    case Command::kWrite:
      return Rules{.writes = true, .limited = true, .beyond_the_end = ErrorCode::kNoSpace};
    case Command::kFlush: return Rules{.has_range = false};
    case Command::kTrim: return Rules{.needs = offered::kSendTrim, .writes = true};
    case Command::kCache: return Rules{.limited = true};
    case Command::kWriteZeroes:
      return Rules{.allowed_flags = flag::kNoHole | flag::kFastZero,
                   .needs = offered::kSendWriteZeroes,
                   .writes = true,
                   .beyond_the_end = ErrorCode::kNoSpace};
    case Command::kBlockStatus: return Rules{.allowed_flags = flag::kReqOne};
    case Command::kDisconnect: break;  // is not answered
  }
  return std::nullopt;
}

}  // namespace

std::optional<Request> parse_request(std::span<const std::byte, Request::kHeaderBytes> header) {
  ByteReader reader(header);
  if (read_be<std::uint32_t>(reader) != kRequestMagic) return std::nullopt;
  Request request;
  request.flags = *read_be<std::uint16_t>(reader);
  request.command = static_cast<Command>(*read_be<std::uint16_t>(reader));
  request.handle = *read_be<std::uint64_t>(reader);
  request.offset = *read_be<std::uint64_t>(reader);
  request.length = *read_be<std::uint32_t>(reader);
  return request;
}

ErrorCode check(const Request& request, const Agreement& agreement,
                const port::BlockGeometry& geometry) {
  const std::optional<Rules> rules = rules_of(request.command);
  if (!rules) return ErrorCode::kInvalid;
  if ((request.flags & ~(command_flag::kFua | rules->allowed_flags)) != 0) {
    return ErrorCode::kInvalid;
  }
  if (rules->writes && geometry.read_only) return ErrorCode::kNotPermitted;
  if ((rules->needs & ~agreement.flags) != 0) return ErrorCode::kInvalid;
  if (request.has(command_flag::kDf) && !agreement.structured_replies) return ErrorCode::kInvalid;
  if (request.command == Command::kBlockStatus && !agreement.block_status) {
    return ErrorCode::kInvalid;
  }
  if (!rules->has_range) return ErrorCode::kNone;
  if (rules->limited && request.length > kMostPayload) return ErrorCode::kInvalid;
  const std::uint64_t size = geometry.size.value();
  if (request.offset > size || request.length > size - request.offset) {
    return rules->beyond_the_end;
  }
  if ((request.offset | request.length) % geometry.logical_block_size != 0) {
    return ErrorCode::kInvalid;
  }
  // What a request for nothing means is unspecified; a reply to it could have no chunk.
  return request.length == 0 ? ErrorCode::kInvalid : ErrorCode::kNone;
}

}  // namespace orrery::storage::nbd

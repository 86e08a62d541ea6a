#include "remote/packet/codec.hpp"

#include <type_traits>

#include "base/assert.hpp"
#include "base/format.hpp"

namespace orrery::remote {
namespace {

template <typename T>
concept HasData = requires(const T& body) { body.data; };
template <typename T>
concept HasValid = requires(const T& body) { body.valid(); };
template <typename T>
inline constexpr bool kIsStrong = false;
template <typename Tag, typename R>
inline constexpr bool kIsStrong<StrongInteger<Tag, R>> = true;
template <typename T>
concept Plain = std::integral<T> || std::is_enum_v<T> || kIsStrong<T> || std::same_as<T, SessionId>;
// What is copied is what is sent.
static_assert(sizeof(VmId) == 8 && sizeof(PlatformId) == 8 && sizeof(GuestPhysical) == 8);

// All header and body fields of any type.
constexpr std::size_t kMostFieldBytes = 128;

class FieldWriter {
 public:
  explicit FieldWriter(std::vector<std::byte>& to) : to_(to) {}
  template <typename... T>
  void operator()(const T&... values) {
    (write(values), ...);
  }

 private:
  template <typename T>
  void write(const T& value) {
    if constexpr (Plain<T>) {
      const ByteSpan bytes = as_bytes(&value, sizeof value);
      to_.insert(to_.end(), bytes.begin(), bytes.end());
    } else {
      T::fields(*this, value);
    }
  }
  std::vector<std::byte>& to_;
};

class FieldReader {
 public:
  explicit FieldReader(ByteReader& from) : from_(from) {}
  template <typename... T>
  void operator()(T&... values) {
    (read(values), ...);
  }
  bool complete() const { return complete_; }

 private:
  template <typename T>
  void read(T& value) {
    if constexpr (Plain<T>) {
      const std::optional<T> read = from_.read<T>();
      if (read) value = *read;
      complete_ = complete_ && read.has_value();
    } else {
      T::fields(*this, value);
    }
  }
  ByteReader& from_;
  bool complete_ = true;
};

template <typename T>
bool decode_body(ByteReader& from, T& body) {
  FieldReader reader(from);
  T::fields(reader, body);
  if (!reader.complete()) return false;
  if constexpr (HasData<T>) body.data = *from.read_bytes(from.remaining());
  if (from.remaining() != 0) return false;
  if constexpr (HasValid<T>) return body.valid();
  return true;
}

// Tries the alternatives of Body one after the other.
template <std::size_t Index = 0>
bool decode_as(PacketType type, ByteReader& from, Body& body) {
  if constexpr (Index < std::variant_size_v<Body>) {
    using T = std::variant_alternative_t<Index, Body>;
    if (T::kType == type) return decode_body(from, body.emplace<T>());
    return decode_as<Index + 1>(type, from, body);
  }
  return false;
}

Header header_of(ByteReader& from) {
  Header header;
  FieldReader reader(from);
  Header::fields(reader, header);
  return header;
}

}  // namespace

std::vector<std::byte> encode(const Body& body, std::uint64_t sequence,
                              std::uint64_t acknowledged) {
  return std::visit(
      [&]<typename T>(const T& value) {
        ByteSpan data;
        if constexpr (HasData<T>) data = value.data;
        std::vector<std::byte> bytes;
        bytes.reserve(kMostFieldBytes + data.size());
        FieldWriter writer(bytes);
        Header header;
        header.type = T::kType;
        header.sequence = sequence;
        header.acknowledged = acknowledged;
        writer(header, value);
        bytes.insert(bytes.end(), data.begin(), data.end());
        ORRERY_ASSERT(bytes.size() <= kMostPacketBytes);
        store_le(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
        return bytes;
      },
      body);
}

void set_acknowledged(MutableByteSpan packet, std::uint64_t acknowledged) {
  store_le(packet.data() + Header::kAcknowledgedOffset, acknowledged);
}

Result<std::optional<std::size_t>> packet_length(ByteSpan bytes) {
  if (bytes.size() < Header::kBytes) return std::nullopt;
  ByteReader reader(bytes);
  const Header header = header_of(reader);
  if (header.version != kPacketVersion) {
    return fail(
        format("a packet of version {}, but this program speaks version {}; use the same "
               "release on both sides",
               header.version, kPacketVersion));
  }
  if (header.length < Header::kBytes || header.length > kMostPacketBytes) {
    return fail(format("a packet of {} bytes; they have {} to {}", header.length, Header::kBytes,
                       kMostPacketBytes));
  }
  return header.length;
}

Result<Packet> decode(ByteSpan bytes) {
  ByteReader reader(bytes);
  Packet packet;
  packet.header = header_of(reader);
  const PacketKind* const kind = kind_of(packet.header.type);
  if (kind == nullptr) {
    return fail(format("a packet of type {}, which is not known",
                       static_cast<unsigned>(packet.header.type)));
  }
  const bool in_order = kind->sequenced == (packet.header.sequence != 0);
  if (packet.header.length != bytes.size() || packet.header.reserved != 0 || !in_order ||
      !decode_as(packet.header.type, reader, packet.body)) {
    return fail(format("a packet that is no proper {}", kind->name));
  }
  return packet;
}

}  // namespace orrery::remote

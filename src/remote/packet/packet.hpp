// What travels between the VMM of a VM and a server of device models: docs/formats/io-packet.md,
// version 1, has every byte.
//
// A packet is a header and a body. A body is a structure whose fields() are sent in order,
// little-endian and without gaps, and then its data, if it has any: all bytes to the packet's end.
// Data is not owned: it lies with whoever made the packet, or in the bytes that were decoded.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>
#include <variant>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "remote/packet/identity.hpp"

namespace orrery::remote {

inline constexpr std::uint8_t kPacketVersion = 1;
// Of a whole packet: the largest request that a driver makes is some MiB, and each may be in memory
// several times.
inline constexpr std::uint32_t kMostPacketBytes = 16_MiB;
// Of the data of one packet: what is left beside header and fields.
inline constexpr std::uint32_t kMostData = kMostPacketBytes - 256;

enum class PacketType : std::uint8_t {
  kHello = 1,
  kWelcome = 2,
  kRefusal = 3,
  kAlive = 4,
  kCredit = 5,
  kCommand = 16,
  kIoRequest = 17,
  kQueueRequest = 18,
  kDmaCompletion = 19,
  kFeedback = 32,
  kQueueResult = 33,
  kInterrupt = 34,
  kEvent = 35,
  kDmaRead = 36,
  kDmaWrite = 37,
};

enum class Sender : std::uint8_t { kVmm, kServer, kBoth };

struct PacketKind {
  PacketType type;
  std::string_view name;
  Sender sender;
  bool sequenced;  // is sent again after a loss, until it is acknowledged
  bool counted;    // uses up credit
};

inline constexpr std::array kPacketKinds{
    PacketKind{PacketType::kHello, "hello", Sender::kVmm, false, false},
    PacketKind{PacketType::kWelcome, "welcome", Sender::kServer, false, false},
    PacketKind{PacketType::kRefusal, "refusal", Sender::kServer, false, false},
    PacketKind{PacketType::kAlive, "alive", Sender::kBoth, false, false},
    PacketKind{PacketType::kCredit, "credit", Sender::kServer, false, false},
    PacketKind{PacketType::kCommand, "command", Sender::kVmm, true, false},
    PacketKind{PacketType::kIoRequest, "I/O request", Sender::kVmm, true, true},
    PacketKind{PacketType::kQueueRequest, "queue request", Sender::kVmm, true, true},
    PacketKind{PacketType::kDmaCompletion, "DMA completion", Sender::kVmm, true, false},
    PacketKind{PacketType::kFeedback, "feedback", Sender::kServer, true, false},
    PacketKind{PacketType::kQueueResult, "queue result", Sender::kServer, true, false},
    PacketKind{PacketType::kInterrupt, "interrupt", Sender::kServer, true, false},
    PacketKind{PacketType::kEvent, "event", Sender::kServer, true, false},
    PacketKind{PacketType::kDmaRead, "DMA read", Sender::kServer, true, false},
    PacketKind{PacketType::kDmaWrite, "DMA write", Sender::kServer, true, false},
};

// nullptr: there is no such type.
constexpr const PacketKind* kind_of(PacketType type) {
  const auto* const found = std::ranges::find(kPacketKinds, type, &PacketKind::type);
  return found == kPacketKinds.end() ? nullptr : found;
}

struct Header {
  std::uint32_t length = 0;  // of the whole packet
  std::uint8_t version = kPacketVersion;
  PacketType type{};
  std::uint16_t reserved = 0;
  std::uint64_t sequence = 0;      // 1 for the first of a session; 0 where the type has none
  std::uint64_t acknowledged = 0;  // the last one that the sender of this packet has taken

  static constexpr std::size_t kBytes = 24;
  static constexpr std::size_t kAcknowledgedOffset = 16;
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.length, self.version, self.type, self.reserved, self.sequence, self.acknowledged);
  }
  friend bool operator==(const Header&, const Header&) = default;
};

using SessionId = std::array<std::uint8_t, 16>;

// The first packet on every connection. A session outlives its connections.
struct Hello {
  static constexpr PacketType kType = PacketType::kHello;
  static constexpr std::uint64_t kMagic = 0x4f49'5952'4552'524f;  // "ORRERYIO"

  std::uint64_t magic = kMagic;
  SessionId session{};        // random, by the VMM
  std::uint8_t resuming = 0;  // 1: the session has been welcomed before
  ToVm vm{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.magic, self.session, self.resuming, self.vm);
  }
  bool valid() const { return magic == kMagic && resuming <= 1 && vm.valid(); }
};

// The answer. The header's `acknowledged` says, here and in Hello, what need not be sent again.
struct Welcome {
  static constexpr PacketType kType = PacketType::kWelcome;
  PlatformId server{};
  std::uint8_t resumed = 0;  // 1: the server has the session; 0: it is new
  std::uint64_t credit = 0;  // as in Credit

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.server, self.resumed, self.credit);
  }
  bool valid() const { return resumed <= 1; }
};

// Instead of an answer: why there is none, in words. The connection ends.
struct Refusal {
  static constexpr PacketType kType = PacketType::kRefusal;
  ByteSpan data{};
  template <typename Archive, typename Self>
  static void fields(Archive& /*archive*/, Self& /*self*/) {}
};

// Says that the sender is there, and acknowledges.
struct Alive {
  static constexpr PacketType kType = PacketType::kAlive;
  std::uint8_t answer_wanted = 0;
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.answer_wanted);
  }
  bool valid() const { return answer_wanted <= 1; }
};

// How many bytes of counted packets the VMM may have sent in all, since the session began. One
// packet may go beyond.
struct Credit {
  static constexpr PacketType kType = PacketType::kCredit;
  std::uint64_t bytes = 0;
  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.bytes);
  }
};

enum class CommandCode : std::uint8_t {
  kOpen = 1,         // data: the name that the server has for the device model
  kClose = 2,        // the model is released
  kReset = 3,        // as at power-up
  kSave = 4,         // the model stops; the feedback's data: its settings, in CBOR
  kRestore = 5,      // after kStart: go on from these settings, in CBOR
  kStart = 6,        // queues: the driver is ready; data: its features (8 bytes)
  kStop = 7,         // queues: the driver has reset the device
  kWriteConfig = 8,  // queues: data: offset (4 bytes), width (1 byte), value (8 bytes)
};

// Something about a device model as a whole. Answered by a Feedback.
struct Command {
  static constexpr PacketType kType = PacketType::kCommand;
  ToDevice to{};
  std::uint64_t tag = 0;  // the VMM's name for it
  CommandCode code{};
  ByteSpan data{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.code);
  }
  bool valid() const { return code >= CommandCode::kOpen && code <= CommandCode::kWriteConfig; }
};

enum class IoDirection : std::uint8_t { kRead = 0, kWrite = 1 };

// One access to a register: IN, OUT or memory-mapped. Answered by a Feedback unless it is posted.
struct IoRequest {
  static constexpr PacketType kType = PacketType::kIoRequest;
  ToDevice to{};
  std::uint64_t tag = 0;
  IoDirection direction = IoDirection::kRead;
  std::uint8_t posted = 0;
  std::uint16_t region = 0;
  std::uint64_t offset = 0;
  std::uint8_t size = 0;  // 1, 2, 4 or 8
  ByteSpan data{};        // of a write: `size` bytes

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.direction, self.posted, self.region, self.offset, self.size);
  }
  bool valid() const {
    const bool write = direction == IoDirection::kWrite;
    const bool sized = size == 1 || size == 2 || size == 4 || size == 8;
    return direction <= IoDirection::kWrite && posted <= (write ? 1 : 0) && sized &&
           data.size() == (write ? size : 0u);
  }
};

// A driver's request in a queue: its descriptors with their payload. Answered by a QueueResult.
struct QueueRequest {
  static constexpr PacketType kType = PacketType::kQueueRequest;
  ToDevice to{};
  std::uint64_t tag = 0;
  std::uint16_t queue = 0;
  std::uint32_t writable = 0;  // bytes that the device may fill
  ByteSpan data{};             // what the device may read

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.queue, self.writable);
  }
  bool valid() const { return writable <= kMostData; }
};

enum class ResultCode : std::uint8_t {
  kDone = 0,
  kFailed = 1,    // data: why, in words
  kNoDevice = 2,  // there is no such device model (any more)
};

// Answers a DmaRead or a DmaWrite that is not posted.
struct DmaCompletion {
  static constexpr PacketType kType = PacketType::kDmaCompletion;
  ToDevice to{};
  std::uint64_t tag = 0;
  ResultCode result = ResultCode::kDone;  // kFailed: not RAM throughout, and nothing was copied
  ByteSpan data{};                        // of a read

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.result);
  }
  bool valid() const { return result <= ResultCode::kFailed; }
};

// The answer to a Command or an IoRequest.
struct Feedback {
  static constexpr PacketType kType = PacketType::kFeedback;
  ToVm to{};
  std::uint64_t tag = 0;
  ResultCode result = ResultCode::kDone;
  ByteSpan data{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.result);
  }
  bool valid() const { return to.valid() && result <= ResultCode::kNoDevice; }
};

// The answer to a QueueRequest: the first `head` bytes of the data belong to the beginning of what
// the device may fill, the others to its end.
struct QueueResult {
  static constexpr PacketType kType = PacketType::kQueueResult;
  ToVm to{};
  std::uint64_t tag = 0;
  std::uint32_t written = 0;  // what the driver is told
  std::uint32_t head = 0;
  ByteSpan data{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.tag, self.written, self.head);
  }
  bool valid() const { return to.valid() && head <= data.size(); }
};

enum class InterruptKind : std::uint8_t { kLineLow = 0, kLineHigh = 1, kMessage = 2 };

struct Interrupt {
  static constexpr PacketType kType = PacketType::kInterrupt;
  ToVm to{};
  DeviceId device{};
  InterruptKind kind{};
  std::uint32_t line = 0;     // of the device; a message: its data
  std::uint64_t address = 0;  // of a message

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.device, self.kind, self.line, self.address);
  }
  bool valid() const { return to.valid() && kind <= InterruptKind::kMessage; }
};

enum class EventCode : std::uint8_t {
  kConfiguration = 1,  // queues: the device's configuration changed; data: all of it
  kNeedsReset = 2,     // queues: the device stops until it is reset; data: why, in words
  kPowerOff = 3,       // the device asks for it
  kPowerReset = 4,
  // What the model has been told is now the data: the tag of the queue result with which this
  // holds, or of the command that is answered before (8 bytes), and the settings, in CBOR.
  kSettings = 5,
  kRoute = 6,  // the model is at another server, the data's (host:port): nearer than by this one
  kLost = 7,   // the model is here no more, nor what was under way: to be opened again
};

struct Event {
  static constexpr PacketType kType = PacketType::kEvent;
  ToVm to{};
  DeviceId device{};
  EventCode code{};
  ByteSpan data{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.device, self.code);
  }
  bool valid() const {
    return to.valid() && code >= EventCode::kConfiguration && code <= EventCode::kLost;
  }
};

// The device model reads guest memory.
struct DmaRead {
  static constexpr PacketType kType = PacketType::kDmaRead;
  ToVm to{};
  DeviceId device{};
  std::uint64_t tag = 0;  // the server's name for it
  GuestPhysical address{};
  std::uint32_t size = 0;

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.device, self.tag, self.address, self.size);
  }
  bool valid() const { return to.valid() && size <= kMostData; }
};

// The device model writes guest memory.
struct DmaWrite {
  static constexpr PacketType kType = PacketType::kDmaWrite;
  ToVm to{};
  DeviceId device{};
  std::uint64_t tag = 0;
  GuestPhysical address{};
  std::uint8_t posted = 0;
  ByteSpan data{};

  template <typename Archive, typename Self>
  static void fields(Archive& archive, Self& self) {
    archive(self.to, self.device, self.tag, self.address, self.posted);
  }
  bool valid() const { return to.valid() && posted <= 1; }
};

using Body =
    std::variant<Hello, Welcome, Refusal, Alive, Credit, Command, IoRequest, QueueRequest,
                 DmaCompletion, Feedback, QueueResult, Interrupt, Event, DmaRead, DmaWrite>;

// The table has the types in the order of Body's.
static_assert(std::variant_size_v<Body> == kPacketKinds.size());
static_assert([]<std::size_t... I>(std::index_sequence<I...>) {
  return ((std::variant_alternative_t<I, Body>::kType == kPacketKinds[I].type) && ...);
}(std::make_index_sequence<kPacketKinds.size()>()));

inline const PacketKind& kind_of(const Body& body) {
  return kPacketKinds[body.index()];
}

struct Packet {
  Header header;
  Body body;
};

}  // namespace orrery::remote

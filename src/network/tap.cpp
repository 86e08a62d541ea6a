#include "network/tap.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/files/file_descriptor.hpp"
#include "base/format.hpp"
#include "network/frame_queue.hpp"

namespace orrery::network {
namespace {

using Segmentation = port::FrameOffload::Segmentation;

// The header before each frame (struct virtio_net_hdr, virtio 1.2, 5.1.6). The host's
// <linux/virtio_net.h> names a member `class` and so is not for C++.
struct VnetHeader {
  static constexpr std::uint8_t kNeedsChecksum = 1;          // flags: VIRTIO_NET_HDR_F_NEEDS_CSUM
  static constexpr std::uint8_t kDataValid = 2;              // flags: VIRTIO_NET_HDR_F_DATA_VALID
  static constexpr std::uint8_t kExplicitCongestion = 0x80;  // gso_type: ..._GSO_ECN

  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

// The largest frame with segmentation left to us: 64 KiB of IP and its Ethernet header.
constexpr std::size_t kLargestFrame = 65536 + 18;

VnetHeader to_header(const port::FrameOffload& offload) {
  VnetHeader header;
  header.flags = offload.needs_checksum ? VnetHeader::kNeedsChecksum : 0;
  header.csum_start = offload.checksum_start;
  header.csum_offset = offload.checksum_offset;
  header.gso_type = static_cast<std::uint8_t>(
      static_cast<unsigned>(offload.segmentation) |
      (offload.explicit_congestion ? VnetHeader::kExplicitCongestion : 0u));
  header.hdr_len = offload.header_length;
  header.gso_size = offload.segment_size;
  return header;
}

// Nothing for a kind of segmentation that the port does not know.
std::optional<port::FrameOffload> from_header(const VnetHeader& header) {
  port::FrameOffload offload;
  const auto kind = static_cast<Segmentation>(header.gso_type & ~VnetHeader::kExplicitCongestion);
  switch (kind) {
    case Segmentation::kNone:
    case Segmentation::kTcp4:
    case Segmentation::kTcp6: offload.segmentation = kind; break;
    default: return std::nullopt;
  }
  offload.explicit_congestion = (header.gso_type & VnetHeader::kExplicitCongestion) != 0;
  offload.needs_checksum = (header.flags & VnetHeader::kNeedsChecksum) != 0;
  offload.checksum_is_valid = (header.flags & VnetHeader::kDataValid) != 0;
  offload.checksum_start = header.csum_start;
  offload.checksum_offset = header.csum_offset;
  offload.header_length = header.hdr_len;
  offload.segment_size = header.gso_size;
  return offload;
}

class Tap final : public port::Frames {
 public:
  Tap(EventLoop& loop, FileDescriptor descriptor)
      : loop_(loop), descriptor_(std::move(descriptor)), buffer_(kLargestFrame) {}

  Result<> open() {
    ORRERY_TRY(readable_watch_,
               loop_.watch(descriptor_.get(), Readiness::kReadable, [this] { receive_some(); }));
    return {};
  }

  port::FrameOffloadSupport offload_support() const override { return {true, true, true}; }

  void set_receive_offload(port::FrameOffloadSupport accepted) override {
    const unsigned flags = (accepted.checksum ? TUN_F_CSUM : 0u) |
                           (accepted.checksum && accepted.tcp4 ? TUN_F_TSO4 : 0u) |
                           (accepted.checksum && accepted.tcp6 ? TUN_F_TSO6 : 0u);
    ::ioctl(descriptor_.get(), TUNSETOFFLOAD, flags);
  }

  bool send(const port::Frame& frame) override {
    const auto pushed = outgoing_.push(frame);
    if (pushed == FrameQueue::Pushed::kFirst) {
      post([this] { send_queued(); });
    }
    return pushed != FrameQueue::Pushed::kFull;
  }

  void set_callbacks(std::function<bool(const port::Frame&)> receive,
                     port::Notify writable) override {
    receive_ = std::move(receive);
    writable_ = std::move(writable);
  }

  void resume() override {
    post([this] { receive_again(); });
  }

  bool link_up() const override { return true; }

 private:
  template <typename Work>
  void post(Work work) {
    loop_.post([work = std::move(work), alive = std::weak_ptr(alive_)] {
      if (alive.lock()) work();
    });
  }

  // A tap takes a frame or drops it, as a wire does; it never makes the sender wait.
  void send_queued() {
    const FrameQueue::Taken taken = outgoing_.take();
    for (const QueuedFrame& frame : taken.frames) {
      VnetHeader header = to_header(frame.offload);
      const std::array<iovec, 2> parts{
          {{&header, sizeof header},
           {const_cast<std::byte*>(frame.bytes.data()), frame.bytes.size()}}};
      (void)!::writev(descriptor_.get(), parts.data(), static_cast<int>(parts.size()));
    }
    if (taken.sender_waits && writable_) writable_();
  }

  void receive_some() {
    // Enough to be quick, few enough for others to get their turn.
    constexpr int kFramesPerTurn = 32;
    for (int i = 0; i < kFramesPerTurn; ++i) {
      VnetHeader header;
      const std::array<iovec, 2> parts{
          {{&header, sizeof header}, {buffer_.data(), buffer_.size()}}};
      const ssize_t size = ::readv(descriptor_.get(), parts.data(), static_cast<int>(parts.size()));
      if (size <= static_cast<ssize_t>(sizeof header)) return;
      const auto offload = from_header(header);
      if (!offload) continue;
      const port::Frame frame{
          ByteSpan(buffer_).first(static_cast<std::size_t>(size) - sizeof header), *offload};
      if (receive_ && receive_(frame)) continue;
      kept_ = QueuedFrame{{frame.bytes.begin(), frame.bytes.end()}, *offload};
      readable_watch_->pause();
      return;
    }
  }

  void receive_again() {
    if (kept_ && (!receive_ || !receive_(kept_->view()))) return;
    kept_.reset();
    readable_watch_->resume();
  }

  EventLoop& loop_;
  FileDescriptor descriptor_;
  FrameQueue outgoing_;
  std::function<bool(const port::Frame&)> receive_;
  port::Notify writable_;
  std::vector<std::byte> buffer_;
  std::optional<QueuedFrame> kept_;  // the guest had no room; reading is paused
  std::unique_ptr<Watch> readable_watch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

Error cannot_attach(int code, const std::string& name) {
  const Error error = Error::from_errno("cannot attach to the tap interface", code);
  switch (code) {
    case EPERM:
      return Error(
          error.message() +
          format("; make it yours as root: ip tuntap add {} mode tap user $USER vnet_hdr", name));
    case EBUSY: return Error(error.message() + "; another VM uses it");
    case EINVAL: return Error(error.message() + "; is it a tun instead of a tap interface?");
    default: return error;
  }
}

}  // namespace

Result<std::unique_ptr<port::Frames>> open_tap(EventLoop& loop, const std::string& name) {
  FileDescriptor descriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!descriptor) {
    return fail_errno("cannot open /dev/net/tun (load the module `tun`, or give yourself access)");
  }
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return fail("the interface's name is too long");
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(descriptor.get(), TUNSETIFF, &request) != 0) return fail(cannot_attach(errno, name));
  const int header_size = sizeof(VnetHeader);
  if (::ioctl(descriptor.get(), TUNSETVNETHDRSZ, &header_size) != 0) {
    return fail_errno("cannot set the header size of the tap interface");
  }
  auto tap = std::make_unique<Tap>(loop, std::move(descriptor));
  ORRERY_CHECK(tap->open());
  return tap;
}

}  // namespace orrery::network

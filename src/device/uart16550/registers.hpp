// Registers of the 16550A UART (National Semiconductor PC16550D, June 1995, section 8 and table
// II).
#pragma once

#include <cstdint>

namespace orrery::device::uart16550 {

// Offsets; 0 and 1 are the divisor latches while LCR.DLAB is set.
enum class Register : std::uint8_t {
  kData = 0,             // RBR when read, THR when written; DLL
  kInterruptEnable = 1,  // IER; DLM
  kInterruptId = 2,      // IIR when read, FCR when written
  kLineControl = 3,      // LCR
  kModemControl = 4,     // MCR
  kLineStatus = 5,       // LSR
  kModemStatus = 6,      // MSR
  kScratch = 7,          // SCR
};

namespace ier {  // 8.7
inline constexpr std::uint8_t kReceivedData = 1u << 0;
inline constexpr std::uint8_t kTransmitterEmpty = 1u << 1;
inline constexpr std::uint8_t kLineStatus = 1u << 2;
inline constexpr std::uint8_t kModemStatus = 1u << 3;
inline constexpr std::uint8_t kDefined = 0x0f;
}  // namespace ier

namespace iir {  // 8.6, table III, highest priority first
inline constexpr std::uint8_t kLineStatus = 0x06;
inline constexpr std::uint8_t kReceivedData = 0x04;
inline constexpr std::uint8_t kCharacterTimeout = 0x0c;
inline constexpr std::uint8_t kTransmitterEmpty = 0x02;
inline constexpr std::uint8_t kModemStatus = 0x00;
inline constexpr std::uint8_t kNone = 0x01;
inline constexpr std::uint8_t kFifosEnabled = 0xc0;
}  // namespace iir

namespace fcr {  // 8.5
inline constexpr std::uint8_t kEnable = 1u << 0;
inline constexpr std::uint8_t kResetReceiver = 1u << 1;
inline constexpr std::uint8_t kResetTransmitter = 1u << 2;
inline constexpr unsigned kTriggerShift = 6;
inline constexpr std::uint8_t kStored = 0xc9;  // the reset bits clear themselves
}  // namespace fcr

namespace lcr {                                       // 8.1
inline constexpr std::uint8_t kWordLength = 3u << 0;  // 5 bits plus this
inline constexpr std::uint8_t kTwoStopBits = 1u << 2;
inline constexpr std::uint8_t kParity = 1u << 3;
inline constexpr std::uint8_t kDivisorLatchAccess = 1u << 7;  // DLAB
}  // namespace lcr

namespace mcr {  // 8.8
inline constexpr std::uint8_t kDataTerminalReady = 1u << 0;
inline constexpr std::uint8_t kRequestToSend = 1u << 1;
inline constexpr std::uint8_t kOut1 = 1u << 2;
inline constexpr std::uint8_t kOut2 = 1u << 3;  // on a PC: gates the interrupt output to the bus
inline constexpr std::uint8_t kLoopback = 1u << 4;
inline constexpr std::uint8_t kDefined = 0x1f;
}  // namespace mcr

namespace lsr {  // 8.4
inline constexpr std::uint8_t kDataReady = 1u << 0;
inline constexpr std::uint8_t kOverrun = 1u << 1;
inline constexpr std::uint8_t kErrors = 0x1e;  // OE, PE, FE, BI: cleared by reading
inline constexpr std::uint8_t kTransmitterHoldingEmpty = 1u << 5;
inline constexpr std::uint8_t kTransmitterEmpty = 1u << 6;
}  // namespace lsr

namespace msr {                                // 8.9
inline constexpr std::uint8_t kDeltas = 0x0f;  // DCTS, DDSR, TERI, DDCD: cleared by reading
inline constexpr std::uint8_t kClearToSend = 1u << 4;
inline constexpr std::uint8_t kDataSetReady = 1u << 5;
inline constexpr std::uint8_t kRingIndicator = 1u << 6;
inline constexpr std::uint8_t kCarrierDetect = 1u << 7;
}  // namespace msr

inline constexpr unsigned kFifoDepth = 16;
// Bytes in the receiver's FIFO that raise the received-data interrupt, by FCR bits 7..6 (8.5).
inline constexpr unsigned kTriggerLevels[4] = {1, 4, 8, 14};
// The PC's crystal: the baud rate is kCrystal / 16 / divisor.
inline constexpr std::int64_t kCrystal = 1'843'200;

}  // namespace orrery::device::uart16550

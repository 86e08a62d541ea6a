// The values of options that have a small language of their own, to and from text:
//
//   disk     FILE[,format=raw|qcow2|vhdx|vhd|vmdk][,readonly][,direct][,snapshot=NAME]
//            [,serial=TEXT]
//            [,encryption=luks,key-file=PATH|key=prompt]
//   net      user[,mtu=N][,forward=tcp|udp:[ADDRESS:]PORT:GUESTPORT]...  |  tap=NAME
//   console  stdio | pty | none | file=PATH | socket=PATH | socket=tcp:HOST:PORT
//   input    none | pty | socket=PATH | socket=tcp:HOST:PORT
//   virtio-console  the same but none, and [,name=TEXT]
//   device   NAME@HOST[:PORT]
//   paging   all | none | FEATURE[,FEATURE]... of tags, batches, lazy and directed
//
// Errors say what is wrong with the text and what would be right; the caller adds whose text it
// was.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "vmm/options/configuration.hpp"

namespace orrery::vmm {

Result<storage::DiskOptions> parse_disk(std::string_view text);
Result<NetworkOptions> parse_network(std::string_view text);
Result<ConsoleOptions> parse_console(std::string_view text);
Result<ConsoleOptions> parse_input(std::string_view text);
Result<VirtioConsoleOptions> parse_virtio_console(std::string_view text);
Result<RemoteDeviceOptions> parse_remote_device(std::string_view text);
// HOST or HOST:PORT; an IPv6 address in brackets.
Result<RemotePlace> parse_remote_place(std::string_view text);
Result<Engine> parse_engine(std::string_view text);
Result<GdbOptions> parse_gdb(std::string_view text);
Result<Irqchip> parse_irqchip(std::string_view text);
Result<Translation> parse_translation(std::string_view text);
Result<hypervisor::soft::PagingOptions> parse_paging(std::string_view text);
Result<std::uint64_t> parse_identity(std::string_view text);
Result<double> parse_clock_rate(std::string_view text);
Result<SnapshotOptions> parse_snapshot(std::string_view text);
Result<bool> parse_switch(std::string_view text);  // on or off

std::string to_string(const storage::DiskOptions& disk);
std::string to_string(const GdbOptions& gdb);
std::string to_string(const SnapshotOptions& snapshot);
std::string to_string(const NetworkOptions& network);
std::string to_string(const ConsoleOptions& console);
std::string to_string(const VirtioConsoleOptions& port);
std::string to_string(const RemoteDeviceOptions& device);
std::string to_string(Engine engine);
std::string to_string(Irqchip irqchip);
std::string to_string(Translation translation);
std::string to_string(const hypervisor::soft::PagingOptions& paging);

// "a,b" as its parts; an empty text has none.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace orrery::vmm

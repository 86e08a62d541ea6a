// The small languages of --disk, --net, --console and --engine (vmm/option_values.hpp).
#include "vmm/options/option_values.hpp"

#include <gtest/gtest.h>

#include "vmm/remote/device_server.hpp"

namespace orrery::vmm {
namespace {

TEST(OptionValues, Disks) {
  const auto disk = parse_disk("a.img,readonly,serial=root-1,direct,verify");
  ASSERT_TRUE(disk.has_value());
  EXPECT_EQ(disk->path, "a.img");
  EXPECT_TRUE(disk->read_only);
  EXPECT_TRUE(disk->direct);
  EXPECT_EQ(disk->serial, "root-1");
  EXPECT_EQ(to_string(*disk), "a.img,readonly,direct,verify,serial=root-1");
  EXPECT_FALSE(disk->format.has_value());
  const auto image = parse_disk("a,format=qcow2,snapshot=first,readonly");
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->format, storage::Format::kQcow2);
  EXPECT_EQ(to_string(*image), "a,format=qcow2,readonly,snapshot=first");
  EXPECT_FALSE(parse_disk("a,format=vdi").has_value());
  for (const char* text : {"a,encryption=luks,key-file=b", "a,encryption=luks,key=prompt"}) {
    const auto encrypted = parse_disk(text);
    ASSERT_TRUE(encrypted.has_value() && encrypted->encryption) << text;
    EXPECT_EQ(to_string(*encrypted), text);
  }
  for (const char* text : {"a,encryption=luks", "a,key-file=b", "a,key=prompt", "a,encryption=aes",
                           "a,encryption=luks,key-file=", "a,encryption=luks,key=secret"}) {
    EXPECT_FALSE(parse_disk(text).has_value()) << text;
  }
  for (const char* text : {"", ",readonly", "a,", "a,read-only", "a,serial=", "a,serial=x y",
                           "a,serial=123456789012345678901"}) {
    EXPECT_FALSE(parse_disk(text).has_value()) << text;
  }
}

TEST(OptionValues, UserNetworks) {
  const auto network = parse_network("user,mtu=9000,forward=tcp:2222:22,forward=udp:0.0.0.0:53:53");
  ASSERT_TRUE(network.has_value()) << network.error().message();
  const auto& user = std::get<network::UserNetworkOptions>(*network);
  ASSERT_EQ(user.forwards.size(), 2u);
  EXPECT_EQ(user.forwards[0].host_address, "127.0.0.1");
  EXPECT_EQ(user.forwards[0].host_port, 2222);
  EXPECT_EQ(user.forwards[0].guest_port, 22);
  EXPECT_EQ(user.forwards[1].protocol, network::PortForward::Protocol::kUdp);
  EXPECT_EQ(user.forwards[1].host_address, "0.0.0.0");
  EXPECT_EQ(to_string(*network),
            "user,mtu=9000,forward=tcp:127.0.0.1:2222:22,forward=udp:0.0.0.0:53:53");
}

TEST(OptionValues, RefusedNetworks) {
  for (const char* text :
       {"", "nat", "user,", "user=1", "user,forward=2222:22", "user,forward=tcp:0:22",
        "user,forward=tcp:65536:22", "user,forward=sctp:1:2", "user,forward=tcp:host:1:2",
        "user,mtu=10", "tap", "tap=", "tap=a,b", "tap=a-name-that-is-too-long"}) {
    EXPECT_FALSE(parse_network(text).has_value()) << text;
  }
  EXPECT_EQ(std::get<TapOptions>(*parse_network("tap=tap0")).name, "tap0");
}

TEST(OptionValues, Consoles) {
  for (const char* text :
       {"stdio", "pty", "none", "file=/tmp/log", "socket=/tmp/s", "socket=tcp:127.0.0.1:5000"}) {
    const auto console = parse_console(text);
    ASSERT_TRUE(console.has_value()) << text;
    EXPECT_EQ(to_string(*console), text);
  }
  for (const char* text : {"", "tty", "file", "file=", "stdio=1", "pty=x"}) {
    EXPECT_FALSE(parse_console(text).has_value()) << text;
  }
}

TEST(OptionValues, Inputs) {
  for (const char* text : {"none", "pty", "socket=/tmp/s", "socket=tcp:127.0.0.1:5000"}) {
    const auto input = parse_input(text);
    ASSERT_TRUE(input.has_value()) << text;
    EXPECT_EQ(to_string(*input), text);
  }
  for (const char* text : {"", "stdio", "file=/tmp/a", "socket", "keyboard"}) {
    EXPECT_FALSE(parse_input(text).has_value()) << text;
  }
}

TEST(OptionValues, VirtioConsoles) {
  for (const char* text :
       {"stdio", "pty,name=org.example.0", "file=/tmp/a,b", "socket=/tmp/s,name=x,name=y_z-1"}) {
    const auto port = parse_virtio_console(text);
    ASSERT_TRUE(port.has_value()) << text;
    EXPECT_EQ(to_string(*port), text);
  }
  EXPECT_EQ(parse_virtio_console("pty,name=agent")->name, "agent");
  for (const char* text : {"", "none", "none,name=a", "pty,name=", "pty,name=a b", "pty,name=a/b",
                           "pty,nam=a", "name=a", ",name=a"}) {
    EXPECT_FALSE(parse_virtio_console(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_virtio_console("pty,name=" + std::string(64, 'a')).has_value());
}

TEST(OptionValues, RemoteDevices) {
  for (const char* text : {"disk0@10.0.0.5:8471", "net0@host.example:1", "rng@[::1]:65535",
                           "disk0@10.0.0.5:8471,[::1]:1,host:2"}) {
    const auto device = parse_remote_device(text);
    ASSERT_TRUE(device.has_value()) << text;
    EXPECT_EQ(to_string(*device), text);
  }
  EXPECT_EQ(parse_remote_device("disk0@host")->places[0].port, "8471");
  EXPECT_EQ(parse_remote_device("disk0@[fe80::1]")->places[0].host, "fe80::1");
  for (const char* text : {"", "disk0", "@host", "disk0@", "disk0@:1",
                           "disk0@host:", "disk0@host:0", "disk0@host:65536", "disk0@[::1",
                           "disk0@[::1]x:1", "disk0@host,", "disk0@host,,host", "disk0@,host"}) {
    EXPECT_FALSE(parse_remote_device(text).has_value()) << text;
  }
}

TEST(OptionValues, ServedRoutes) {
  const auto route = parse_served_route("disk0=10.0.0.6:9000");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->name, "disk0");
  EXPECT_EQ(route->place.host, "10.0.0.6");
  EXPECT_EQ(route->place.port, "9000");
  for (const char* text : {"", "disk0", "=host", "disk0=", "disk 0=host", "disk0=host:0"}) {
    EXPECT_FALSE(parse_served_route(text).has_value()) << text;
  }
}

TEST(OptionValues, ServedDevices) {
  const auto disk = parse_served_device("disk0=disk:a.img,readonly");
  ASSERT_TRUE(disk.has_value());
  EXPECT_EQ(disk->name, "disk0");
  EXPECT_EQ(std::get<storage::DiskOptions>(disk->what).path, "a.img");
  for (const char* text :
       {"rng=rng", "n=net:user", "n=net:tap=tap0", "c=console:file=/tmp/a:b", "c=console:pty",
        "s=serial:pty", "s=serial:none", "k=keyboard", "k=keyboard:pty", "t=rtc"}) {
    EXPECT_TRUE(parse_served_device(text).has_value()) << text;
  }
  for (const char* text : {"", "disk0", "=rng", "a b=rng", "a=", "a=rng:x", "a=disk:", "a=net:",
                           "a=uart", "a=serial:", "a=keyboard:stdio", "a=rtc:x"}) {
    EXPECT_FALSE(parse_served_device(text).has_value()) << text;
  }
}

TEST(OptionValues, ClockRates) {
  EXPECT_EQ(parse_clock_rate("0.05").value(), 0.05);
  EXPECT_EQ(parse_clock_rate("10").value(), 10);
  for (const char* text : {"", "0", "-1", "nan", "inf", "11", "1x", "0.0001"}) {
    EXPECT_FALSE(parse_clock_rate(text).has_value()) << text;
  }
}

TEST(OptionValues, Engines) {
  for (const char* text : {"auto", "kvm", "translate", "interpret"}) {
    EXPECT_EQ(to_string(*parse_engine(text)), text);
  }
  EXPECT_FALSE(parse_engine("tcg").has_value());
  for (const char* text : {"kernel", "machine"}) {
    EXPECT_EQ(to_string(*parse_irqchip(text)), text);
  }
  EXPECT_FALSE(parse_irqchip("split").has_value());
  for (const char* text : {"auto", "beside", "inline"}) {
    EXPECT_EQ(to_string(*parse_translation(text)), text);
  }
  EXPECT_FALSE(parse_translation("both").has_value());
}

}  // namespace
}  // namespace orrery::vmm

// How accesses are split and routed.
#include "machine/bus.hpp"

#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/fake_host.hpp"

namespace orrery::machine {
namespace {

struct Access {
  unsigned region;
  std::uint64_t offset;
  Width width;
  std::uint64_t value;
  friend bool operator==(const Access&, const Access&) = default;
};

class Recorder : public device::Device {
 public:
  std::string_view name() const override { return "recorder"; }
  std::uint64_t read(unsigned region, std::uint64_t offset, Width width) override {
    accesses.push_back({region, offset, width, 0});
    return 0x8877'6655'4433'2211 >> offset * 8 & mask_of(width);
  }
  void write(unsigned region, std::uint64_t offset, Width width, std::uint64_t value) override {
    accesses.push_back({region, offset, width, value});
  }
  void reset() override {}
  device::State save() const override { return {}; }
  Result<> restore(const device::State&) override { return {}; }

  std::vector<Access> accesses;
};

class BusTest : public ::testing::Test {
 protected:
  void add(std::uint64_t base, std::uint64_t size, Width widest, unsigned region = 0) {
    bus.add({Space::kPorts, base, size, widest, &recorder, &lock, region});
  }

  testing::FakeHost host;
  device::pci::Root root{host};
  Bus bus{root};
  Recorder recorder;
  std::mutex lock;
};

TEST_F(BusTest, UnclaimedReadsAsOnes) {
  EXPECT_EQ(bus.read(Space::kPorts, 0x80, Width::k8), 0xffu);
  EXPECT_EQ(bus.read(Space::kPorts, 0xffff, Width::k32), 0xffff'ffffu);
  EXPECT_EQ(bus.read(Space::kMemory, 0xffff'ffff'ffff'fffd, Width::k64), ~std::uint64_t{0});
  bus.write(Space::kMemory, 0xffff'ffff'ffff'fffd, Width::k64, 1);
}

TEST_F(BusTest, WholeAccessesPass) {
  add(0x100, 8, Width::k32, 3);
  EXPECT_EQ(bus.read(Space::kPorts, 0x104, Width::k32), 0x8877'6655u);
  EXPECT_EQ(recorder.accesses, (std::vector<Access>{{3, 4, Width::k32, 0}}));
}

TEST_F(BusTest, WideAccessesToNarrowDevicesAreSplit) {
  add(0x20, 2, Width::k8);
  bus.write(Space::kPorts, 0x20, Width::k16, 0xabcd);
  EXPECT_EQ(recorder.accesses,
            (std::vector<Access>{{0, 0, Width::k8, 0xcd}, {0, 1, Width::k8, 0xab}}));
  EXPECT_EQ(bus.read(Space::kPorts, 0x20, Width::k32), 0xffff'2211u);
}

TEST_F(BusTest, UnalignedAccessesAreSplit) {
  add(0x100, 8, Width::k32);
  EXPECT_EQ(bus.read(Space::kPorts, 0x101, Width::k16), 0x3322u);
  EXPECT_EQ(recorder.accesses.size(), 2u);
}

TEST_F(BusTest, NeighboursEachGetTheirPart) {
  add(0x60, 1, Width::k8, 0);
  add(0x61, 1, Width::k8, 1);
  bus.read(Space::kPorts, 0x60, Width::k16);
  EXPECT_EQ(recorder.accesses, (std::vector<Access>{{0, 0, Width::k8, 0}, {1, 0, Width::k8, 0}}));
}

TEST_F(BusTest, SpacesAreApart) {
  bus.add({Space::kMemory, 0x100, 8, Width::k64, &recorder, &lock, 0});
  EXPECT_EQ(bus.read(Space::kPorts, 0x100, Width::k8), 0xffu);
  EXPECT_EQ(bus.read(Space::kMemory, 0x100, Width::k64), 0x8877'6655'4433'2211u);
}

}  // namespace
}  // namespace orrery::machine

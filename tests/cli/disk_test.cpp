// `orrery disk` as a user meets it, with QEMU's tools beside it (Debian's qemu-utils).
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "cli/disk_fixture.hpp"

namespace orrery::cli {
namespace {

TEST_F(DiskTest, MakesDisksThatQemuFindsWhole) {
  expect_done("create @a.qcow2 1G");
  expect_done("create @b.qcow2 --cluster-size 512 64M");
  expect_done("create @c.qcow2 --backing a.qcow2");
  expect_done("create @d.raw 10M --format raw");
  for (const char* name : {"a", "b", "c"}) shell(std::string("qemu-img check @") + name + ".qcow2");
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/d.raw"), 10u << 20);
  shell("qemu-img info --backing-chain @c.qcow2 | grep -q 'backing file format: qcow2'");
  expect_refused("create @a.qcow2 1G", "is there already");
  expect_refused("create @e.qcow2", "no size");
  expect_refused("create @e.qcow2 1000", "multiple of 512");
  expect_refused("create @e.qcow2 1G --cluster-size 3000", "power of two");
  expect_refused("create @e.qcow2 --backing missing.qcow2", "missing.qcow2: cannot open");
  EXPECT_FALSE(exists("e.qcow2"));
}

TEST_F(DiskTest, TellsWhatADiskIs) {
  shell("qemu-img create -f qcow2 -b base.raw -F raw -o compat=0.10 @a.qcow2 5M -u");
  const Outcome outcome = disk("info --json @a.qcow2");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  for (const char* part : {"\"format\": \"qcow2\"", "\"size\": 5242880", "\"version\": 2",
                           "\"backing\": \"base.raw\"", "\"backing_format\": \"raw\""}) {
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << " in " << outcome.output;
  }
  EXPECT_NE(disk("info @a.qcow2").output.find("base.raw (raw)"), std::string::npos);
  expect_refused("info @nothing", "nothing");
}

TEST_F(DiskTest, MakesAndConvertsVhdx) {
  expect_done("create @a.vhdx 64M");
  expect_done("create @b.vhdx 64M --fixed --cluster-size 2M");
  shell("qemu-img check @a.vhdx && qemu-img check @b.vhdx");
  shell("qemu-io -c 'write -P 5 3M 9M' @a.vhdx");
  expect_done("convert @a.vhdx @a.qcow2");
  expect_done("convert @a.qcow2 @c.vhdx --fixed");
  shell("qemu-img compare @a.vhdx @c.vhdx && qemu-img check @c.vhdx");
  expect_done("compare @a.qcow2 @c.vhdx");
  expect_done("create @top.vhdx --backing a.vhdx");
  const Outcome info = disk("info --json @top.vhdx");
  for (const char* part : {"\"format\": \"vhdx\"", "\"kind\": \"differencing\"",
                           "\"backing\": \".\\\\a.vhdx\"", "\"parent_identity\": \"{"}) {
    EXPECT_NE(info.output.find(part), std::string::npos) << part << " in " << info.output;
  }
  expect_done("compare @a.vhdx @top.vhdx");
  expect_done("resize @top.vhdx 80M");
  expect_done("check @top.vhdx");
  expect_done("check --repair @top.vhdx");
  expect_refused("create @d.vhdx --backing a.qcow2", "a vhdx lies over a vhdx only");
  expect_refused("create @d.vhdx 1M --cluster-size 512", "power of two");
  expect_refused("create @d.qcow2 1M --fixed", "make a vhdx");
  expect_refused("resize @a.vhdx 1M --shrink", "not made smaller");
  expect_refused("commit @top.vhdx", "this is for qcow2");
}

TEST_F(DiskTest, ReadsVhdAndVmdk) {
  shell(
      "qemu-img create -f vpc -o force_size=on @a.vhd 8M && qemu-io -f vpc -c 'write -P 5 3M 1M' "
      "@a.vhd");
  shell("qemu-img convert -f vpc -O vmdk -o subformat=streamOptimized @a.vhd @a.vmdk");
  shell("qemu-img convert -f vpc -O raw @a.vhd @a.raw");
  for (const std::string from : {"a.vhd", "a.vmdk"}) {
    expect_done("compare @a.raw @" + from);
    expect_done("convert --replace @" + from + " @b.vhdx");
    shell("qemu-img compare -f raw @a.raw @b.vhdx");
    expect_done("map @" + from);
    expect_refused("resize @" + from + " 16M", "only read");
    expect_refused("create --format " + from.substr(2) + " @c 1M", "only read");
  }
  EXPECT_NE(disk("info @a.vmdk").output.find("streamOptimized"), std::string::npos);
  EXPECT_NE(disk("info @a.vhd").output.find("dynamic"), std::string::npos);
}

TEST_F(DiskTest, ConvertsBothWaysAsQemuDoes) {
  shell("qemu-img create -f qcow2 @base.qcow2 20M");
  shell("qemu-io -c 'write -P 3 1M 5M' -c 'write -P 4 19M 1M' @base.qcow2");
  shell("qemu-img create -f qcow2 -b base.qcow2 -F qcow2 @top.qcow2");
  shell("qemu-io -c 'write -P 5 2M 1M' -c 'write -z 4M 1M' @top.qcow2");
  expect_done("convert @top.qcow2 @flat.img --to-format raw");
  shell("qemu-img compare @top.qcow2 @flat.img");
  expect_done("convert @flat.img @again.qcow2 --cluster-size 4K");
  shell("qemu-img check @again.qcow2 && qemu-img compare @again.qcow2 @top.qcow2");
  expect_done("compare @again.qcow2 @top.qcow2");
  expect_refused("convert @flat.img @again.qcow2", "--replace");
  expect_done("convert @flat.img @again.qcow2 --replace");
  EXPECT_FALSE(exists("again.qcow2.partial"));
  shell("qemu-io -c 'write -P 9 3M 512' @again.qcow2");
  const Outcome different = disk("compare @again.qcow2 @top.qcow2");
  EXPECT_EQ(different.status, 2);
  EXPECT_NE(different.output.find("3145728"), std::string::npos) << different.output;
}

TEST_F(DiskTest, FindsAndMendsDamage) {
  shell("qemu-img create -f qcow2 @a.qcow2 20M && qemu-io -c 'write 0 3M' @a.qcow2");
  EXPECT_EQ(disk("check @a.qcow2").status, 0);
  // The refcounts of all clusters from the sixth on are lost.
  shell("dd if=/dev/zero of=@a.qcow2 bs=1 seek=131082 count=200 conv=notrunc");
  EXPECT_EQ(disk("check @a.qcow2").status, 2);
  expect_done("check --repair @a.qcow2");
  EXPECT_EQ(disk("check @a.qcow2").status, 0);
  shell("qemu-img check @a.qcow2");
  expect_refused("check @nothing", "cannot open");
}

TEST_F(DiskTest, MapsAndResizes) {
  expect_done("create @a.qcow2 1M --cluster-size 64K");
  shell("qemu-io -c 'write 128k 64k' -c 'write -z 256k 64k' @a.qcow2");
  const Outcome map = disk("map --json @a.qcow2");
  EXPECT_NE(map.output.find("\"kind\": \"data\""), std::string::npos) << map.output;
  EXPECT_NE(map.output.find("\"length\": 65536"), std::string::npos) << map.output;
  expect_done("resize @a.qcow2 10G");
  expect_refused("resize @a.qcow2 512K", "--shrink");
  expect_done("resize @a.qcow2 512K --shrink");
  shell("qemu-img check @a.qcow2");
  EXPECT_NE(disk("info @a.qcow2").output.find("512K (524288 bytes)"), std::string::npos);
}

TEST_F(DiskTest, CommitsAndRebases) {
  shell("qemu-img create -f qcow2 @base.qcow2 4M && qemu-io -c 'write -P 1 0 4M' @base.qcow2");
  shell("qemu-img create -f qcow2 -b base.qcow2 -F qcow2 @top.qcow2 6M");
  shell("qemu-io -c 'write -P 2 1M 1M' -c 'write -z 2M 1M' @top.qcow2");
  shell("qemu-img convert -O raw @top.qcow2 @expected.raw && cp @base.qcow2 @copy.qcow2");
  // The copy is the same disk; one with a changed sector is not.
  expect_done("rebase @top.qcow2 --backing copy.qcow2 --verify");
  shell("cp @copy.qcow2 @changed.qcow2 && qemu-io -c 'write -P 7 3584k 512' @changed.qcow2");
  expect_refused("rebase @top.qcow2 --backing changed.qcow2 --verify", "differs at 3670016");
  shell("qemu-img compare @top.qcow2 @expected.raw");
  // Without --verify what differs is copied first.
  expect_done("rebase @top.qcow2 --backing changed.qcow2");
  shell("qemu-img compare @top.qcow2 @expected.raw && qemu-img check @top.qcow2");
  expect_done("rebase @top.qcow2 --backing base.qcow2");
  shell("qemu-img compare @top.qcow2 @expected.raw");
  expect_done("commit @top.qcow2");
  shell("qemu-img compare @base.qcow2 @expected.raw && qemu-img check @base.qcow2");
  shell("qemu-img compare @top.qcow2 @expected.raw");
  expect_done("rebase @top.qcow2");
  shell("rm @base.qcow2 && qemu-img compare @top.qcow2 @expected.raw");
  expect_refused("commit @top.qcow2", "no backing file");
}

TEST_F(DiskTest, MakesWhatANameSays) {
  expect_done("create @a.raw 1M");
  EXPECT_NE(disk("info --format raw @a.raw").output.find("1M (1048576 bytes)"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/a.raw"), 1u << 20);
  expect_done("convert @a.raw @b.qcow2");
  shell("qemu-img info @b.qcow2 | grep -q 'file format: qcow2'");
  expect_done("convert @b.qcow2 @c.raw");
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/c.raw"), 1u << 20);
}

TEST_F(DiskTest, ShowsWhenAParentHasChanged) {
  expect_done("create @base.qcow2 4M");
  expect_done("create @one.qcow2 --backing base.qcow2");
  expect_done("create @two.qcow2 --backing base.qcow2");
  expect_done("create @over.qcow2 --backing one.qcow2");
  shell("qemu-io -c 'write -P 2 1M 1M' @one.qcow2");
  // Another program wrote: what lies over it is refused, what it lies over is as it was.
  expect_refused("map @over.qcow2", "one.qcow2 is not what it was");
  expect_refused("map @over.qcow2", "written by a program that keeps no identifiers");
  expect_done("map @one.qcow2");
  // The other disk over the same parent finds out, and is not written into it either.
  expect_done("commit @one.qcow2");
  expect_done("map @one.qcow2");
  expect_refused("map @two.qcow2", "base.qcow2 is not what it was");
  expect_refused("commit @two.qcow2", "base.qcow2 is not what it was");
  expect_done("rebase --unchecked @two.qcow2 --backing base.qcow2");
  expect_done("map @two.qcow2");
  for (const char* name : {"base", "one", "two", "over"}) {
    shell(std::string("qemu-img check @") + name + ".qcow2");
  }
}

// The remedy that the error tells, as it stands there, where paths are relative.
TEST_F(DiskTest, ARemedyForAChangedParentWorksFromAnotherFolder) {
  shell("mkdir @vms");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder_);
  expect_done("create vms/base.qcow2 4M");
  expect_done("create vms/top.qcow2 --backing base.qcow2");
  shell("qemu-io -c 'write -P 2 1M 1M' vms/base.qcow2");
  const std::string said = disk("map vms/top.qcow2").output;
  const std::string opening = "`orrery disk ";
  const std::size_t found = said.rfind(opening);
  const std::size_t begin = found == std::string::npos ? said.size() : found + opening.size();
  expect_done(said.substr(begin, said.find('`', begin) - begin));
  expect_done("map vms/top.qcow2");
  std::filesystem::current_path(before);
}

TEST_F(DiskTest, CommitsADiskThatItReadsAndDoesNotWrite) {
  shell("qemu-img create -f qcow2 @base.qcow2 4M");
  shell("qemu-img create -f qcow2 -o extended_l2=on -b base.qcow2 -F qcow2 @top.qcow2");
  shell("qemu-io -c 'write -P 2 1M 1M' @top.qcow2");
  shell("qemu-img convert -O raw @top.qcow2 @expected.raw");
  expect_done("commit @top.qcow2");
  shell("qemu-img compare @base.qcow2 @expected.raw && qemu-img compare @top.qcow2 @expected.raw");
}

TEST_F(DiskTest, FindsAParentThatWasMovedByItsIdentifier) {
  expect_done("create @base.qcow2 4M");
  expect_done("resize @base.qcow2 5M");
  expect_done("create @top.qcow2 --backing base.qcow2");
  shell(
      "mkdir @elsewhere && mv @base.qcow2 @elsewhere/moved.qcow2 && touch @elsewhere/moved.qcow2");
  expect_refused("map @top.qcow2", "base.qcow2: cannot open");
  expect_done("create @stranger.qcow2 5M");
  expect_refused("rebase --verify @top.qcow2 --backing stranger.qcow2", "base.qcow2: cannot open");
  expect_done("rebase --verify @top.qcow2 --backing elsewhere/moved.qcow2");
  expect_done("map @top.qcow2");
  EXPECT_NE(disk("info @top.qcow2").output.find("over content"), std::string::npos);
}

TEST_F(DiskTest, KnowsARawParentByItsFile) {
  expect_done("create @base.raw 4M");
  expect_done("create @top.qcow2 --backing base.raw --backing-format raw");
  expect_done("map @top.qcow2");
  shell("sleep 0.02 && printf x | dd of=@base.raw conv=notrunc");
  expect_refused("map @top.qcow2", "base.raw is not what it was");
  expect_done("rebase --unchecked @top.qcow2 --backing base.raw --backing-format raw");
  expect_done("commit @top.qcow2");
  expect_done("map @top.qcow2");
}

TEST_F(DiskTest, ListsAndReadsSnapshots) {
  shell("qemu-img create -f qcow2 @a.qcow2 4M && qemu-io -c 'write -P 1 0 1M' @a.qcow2");
  shell("qemu-img snapshot -c before @a.qcow2 && cp @a.qcow2 @then.qcow2");
  shell("qemu-io -c 'write -P 2 0 1M' @a.qcow2");
  EXPECT_NE(disk("snapshot list @a.qcow2").output.find("before"), std::string::npos);
  expect_done("convert @a.qcow2 @b.qcow2 --snapshot before");
  shell("qemu-img compare @b.qcow2 @then.qcow2");
  expect_refused("convert @a.qcow2 @c.qcow2 --snapshot after", "has no snapshot \"after\"");
}

TEST_F(DiskTest, RefusesADiskInUse) {
  expect_done("create @a.qcow2 1M");
  shell("flock --help");
  const std::string holder = here(
      "python3 -c \"import fcntl,struct,time; f=open('@a.qcow2','r+b'); "
      "fcntl.fcntl(f,37,struct.pack('hhqqi4x',1,0,0,0,0)); open('@held','w'); time.sleep(20)\" & "
      "echo $! >@pid");
  ASSERT_EQ(std::system(holder.c_str()), 0);
  while (!exists("held")) std::this_thread::yield();
  expect_refused("resize @a.qcow2 2M", "in use");
  shell("kill $(cat @pid)");
}

// Whenever it comes, the target is whole or not there, and the source is as it was.
TEST_F(DiskTest, CancelLeavesNoHalfDisk) {
  shell("head -c 200000000 /dev/urandom >@big.img");
  // In the foreground timeout(1) sends one signal, otherwise two, and the second ends the process
  // as it is.
  const std::string command = here("timeout --foreground -s INT 0.05 ") + ORRERY_BINARY +
                              here(" disk convert @big.img @a.qcow2 2>@said");
  const int status = std::system(command.c_str());
  EXPECT_FALSE(exists("a.qcow2.partial"));
  if (WEXITSTATUS(status) == 0) {
    shell("qemu-img compare @big.img @a.qcow2");
  } else {
    EXPECT_FALSE(exists("a.qcow2"));
  }
}

}  // namespace
}  // namespace orrery::cli

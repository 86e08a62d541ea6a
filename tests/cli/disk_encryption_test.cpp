// Encrypted disks as a user meets them, and both ways with Debian's cryptsetup: it opens ours, we
// open its, and what stands in the file is what another AES-XTS makes (python3-cryptography).
#include <fstream>

#include "cli/disk_fixture.hpp"

namespace orrery::cli {
namespace {

class EncryptionTest : public DiskTest {
 protected:
  // A new key that costs little to try.
  static constexpr const char* kCheap =
      " --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 64 --pbkdf-parallel 1";
  static constexpr const char* kCheapForCryptsetup =
      " -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 ";

  void SetUp() override {
    DiskTest::SetUp();
    shell(
        "printf first >@first; printf 'second\\n' >@second; head -c 4194304 /dev/urandom "
        ">@plain.raw");
  }
  bool has_cryptsetup() const { return std::system("cryptsetup --version >/dev/null 2>&1") == 0; }
  void encrypt(const std::string& name, const std::string& more = "") const {
    expect_done("convert @plain.raw @" + name + " --encrypt luks2 --new-key-file @first" + kCheap +
                more);
  }
  void expect_opens(const std::string& name, const std::string& key) const {
    expect_done("compare @" + name + " @plain.raw --key-file @" + key);
  }
};

class CryptsetupTest : public EncryptionTest {
 protected:
  void SetUp() override {
    if (!has_cryptsetup()) GTEST_SKIP() << "cryptsetup is not installed (tools/setup test)";
    EncryptionTest::SetUp();
  }
};

TEST_F(EncryptionTest, AnyFormatHoldsAnEncryptedDisk) {
  for (const std::string name : {"a.raw", "a.qcow2", "a.vhdx"}) {
    encrypt(name);
    expect_opens(name, "first");
    expect_refused("compare @" + name + " @plain.raw --key-file @second",
                   "the key does not open it");
    expect_done("convert --replace @" + name + " @back.raw --key-file @first");
    shell("cmp @back.raw @plain.raw");
    const Outcome info = disk("info @" + name);
    for (const char* part : {"LUKS2, aes-xts-plain64, sectors of 4096 bytes", "(4194304 bytes)",
                             "argon2id, 4 passes over 64 KiB by 1 threads"}) {
      EXPECT_NE(info.output.find(part), std::string::npos) << part << " in " << info.output;
    }
  }
}

TEST_F(EncryptionTest, WhatIsInADiskDoesNotStandInItsFile) {
  shell("yes 'something that is easily found' | head -c 1048576 >@plain.raw");
  encrypt("a.raw");
  shell("! grep -q 'easily found' @a.raw");
}

TEST_F(EncryptionTest, ADiskOverAnEncryptedOneIsEncryptedAsThatIs) {
  encrypt("base.qcow2");
  expect_done("create @top.qcow2 --backing base.qcow2");
  expect_opens("top.qcow2", "first");
  expect_refused("create @b.qcow2 --backing base.qcow2 --encrypt luks2 --key-file @first",
                 "is encrypted as that is");
}

TEST_F(EncryptionTest, KeysAreAddedChangedAndRemoved) {
  encrypt("a.qcow2");
  shell("printf third >@third");
  expect_done(std::string("key add @a.qcow2 --key-file @first --new-key-file @second") + kCheap);
  expect_opens("a.qcow2", "second");
  expect_done(std::string("key change @a.qcow2 --key-file @first --new-key-file @third") + kCheap);
  expect_refused("compare @a.qcow2 @plain.raw --key-file @first", "the key does not open it");
  expect_opens("a.qcow2", "third");
  expect_done("key remove @a.qcow2 --slot 1");
  expect_refused("compare @a.qcow2 @plain.raw --key-file @second", "the key does not open it");
  expect_refused("key remove @a.qcow2 --key-file @third", "is the last one");
  expect_opens("a.qcow2", "third");
}

TEST_F(EncryptionTest, ErrorsSayWhatIsMissing) {
  expect_refused("create @a.raw 8M --encrypt luks2 --key-file @nothing", "nothing: cannot open");
  EXPECT_FALSE(exists("a.raw"));
  shell(": >@empty");
  expect_refused("create @a.raw 8M --encrypt luks2 --key-file @empty", "is empty");
  expect_refused("create @a.raw 8M --key-file @first", "a key is for --encrypt luks2");
  expect_refused("create @a.raw 8M --encrypt luks2 --key-file @first --pbkdf scrypt",
                 "derives no keys here");
  expect_refused("compare @plain.raw @plain.raw --key-file @first", "holds no LUKS header");
  expect_refused("key add @plain.raw --key-file @first --new-key-file @second",
                 "holds no LUKS header");
  EXPECT_FALSE(exists("a.raw"));
}

TEST_F(EncryptionTest, SizesThatFitNoLargeSectorTakeSmallOnes) {
  shell("truncate -s 1049088 @plain.raw");
  encrypt("a.raw");
  expect_opens("a.raw", "first");
  EXPECT_NE(disk("info @a.raw").output.find("sectors of 512 bytes"), std::string::npos);
}

TEST_F(EncryptionTest, ADiskGrowsByZeroes) {
  encrypt("a.qcow2");
  expect_done("resize @a.qcow2 6M --key-file @first");
  expect_opens("a.qcow2", "first");  // the rest is zeroes
  EXPECT_NE(disk("info @a.qcow2").output.find("(6291456 bytes)"), std::string::npos);
}

TEST_F(CryptsetupTest, OpensOurs) {
  for (const std::string how :
       {kCheap, " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --encrypted-sector-size 512",
        " --pbkdf argon2i --pbkdf-force-iterations 4 --pbkdf-memory 64 --allow-discards"}) {
    expect_done("create @a.raw 8M --encrypt luks2 --key-file @first" + how);
    shell("cryptsetup open --test-passphrase --key-file @first @a.raw");
    shell("! cryptsetup open --test-passphrase --key-file @second @a.raw");
    shell("cryptsetup luksDump @a.raw && rm @a.raw");
  }
}

// The volume's key by cryptsetup, the cipher by python3-cryptography.
TEST_F(CryptsetupTest, OursIsWhatAnotherCipherMakes) {
  if (std::system("python3 -c 'import cryptography' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "python3-cryptography is not installed (tools/setup test)";
  }
  std::ofstream(folder_ + "/check.py") << R"(
import sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
folder, size = sys.argv[1], int(sys.argv[2])
key = open(folder + "/volume-key", "rb").read()
plain = open(folder + "/plain.raw", "rb").read()
disk = open(folder + "/a.raw", "rb").read()[16 << 20:]
assert len(key) == 64 and len(disk) == len(plain)
for at in list(range(0, len(plain), 65536)) + [len(plain) - size]:
    tweak = (at // 512).to_bytes(16, "little")
    cipher = Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor()
    assert cipher.update(plain[at:at + size]) + cipher.finalize() == disk[at:at + size], at
)";
  for (const std::string size : {"512", "4096"}) {
    encrypt("a.raw", " --replace --encrypted-sector-size " + size);
    shell(
        "rm -f @volume-key && cryptsetup luksDump -q --dump-volume-key --volume-key-file "
        "@volume-key --key-file @first @a.raw");
    shell("python3 @check.py " + folder_ + " " + size);
  }
}

TEST_F(CryptsetupTest, WeOpenItsAndItsContent) {
  for (const std::string size : {"512", "4096"}) {
    // 16 MiB for the header are behind the end of the data, which moves by as much.
    shell("cp @plain.raw @a.raw && truncate -s 36M @a.raw");
    shell("cryptsetup reencrypt --encrypt --type luks2 --reduce-device-size 32M --sector-size " +
          size + " --key-file @first" + kCheapForCryptsetup + "@a.raw");
    // Behind the data is what was moved.
    expect_done("convert --replace @a.raw @back.raw --key-file @first");
    shell("cmp -n 4194304 @back.raw @plain.raw");
    EXPECT_NE(disk("info @a.raw").output.find("sectors of " + size), std::string::npos);
  }
  shell(
      "truncate -s 24M @b.raw && cryptsetup luksFormat -q --type luks2 --key-file @first "
      "--pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 32 --label named @b.raw");
  const Outcome info = disk("info --json @b.raw");
  for (const char* part : {"\"label\": \"named\"", "argon2id, 4 passes over 32 KiB"}) {
    EXPECT_NE(info.output.find(part), std::string::npos) << part << " in " << info.output;
  }
  expect_done("resize @b.raw 16M --key-file @first");
}

TEST_F(CryptsetupTest, KeysOfBothOpenTheSameDisk) {
  encrypt("a.raw");
  shell(std::string("cryptsetup luksAddKey --key-file @first") + kCheapForCryptsetup +
        "@a.raw @second");
  expect_opens("a.raw", "second");
  shell("printf third >@third");
  expect_done(std::string("key add @a.raw --key-file @second --new-key-file @third") + kCheap);
  shell("cryptsetup open --test-passphrase --key-file @third @a.raw");
  expect_done("key remove @a.raw --key-file @first");
  shell("! cryptsetup open --test-passphrase --key-file @first @a.raw");
  shell("cryptsetup luksKillSlot -q @a.raw 2");
  expect_refused("compare @a.raw @plain.raw --key-file @third", "the key does not open it");
  expect_opens("a.raw", "second");
}

TEST_F(CryptsetupTest, ItGivesOursAnotherVolumeKey) {
  encrypt("a.raw");
  shell(std::string("cryptsetup reencrypt --force-offline-reencrypt --key-file @first") +
        kCheapForCryptsetup + "@a.raw");
  expect_opens("a.raw", "first");
}

TEST_F(CryptsetupTest, AReencryptionUnderWayIsRefused) {
  encrypt("a.raw");
  shell(std::string("cryptsetup reencrypt --init-only --key-file @first") + kCheapForCryptsetup +
        "@a.raw");
  expect_refused("compare @a.raw @plain.raw --key-file @first", "requires [\"online-reencrypt-v2");
  EXPECT_NE(disk("info @a.raw").output.find("--resume-only"), std::string::npos);
}

TEST_F(CryptsetupTest, BothMendATornHeader) {
  encrypt("a.raw");
  shell("printf x | dd of=@a.raw bs=1 seek=5000 conv=notrunc");
  expect_opens("a.raw", "first");  // for reading only: it stays torn
  expect_done(std::string("key add @a.raw --key-file @first --new-key-file @second") + kCheap);
  shell("head -c 16384 @a.raw >@one && dd if=@a.raw of=@two bs=16384 skip=1 count=1");
  shell("cryptsetup open --test-passphrase --key-file @second @a.raw");
  shell("dd if=/dev/zero of=@a.raw bs=4096 count=1 conv=notrunc");
  shell("cryptsetup open --test-passphrase --key-file @second @a.raw");
  expect_opens("a.raw", "second");
}

TEST_F(CryptsetupTest, Luks1IsRefusedByName) {
  shell(std::string(
            "truncate -s 24M @a.raw && cryptsetup luksFormat --type luks1 --key-file @first") +
        kCheapForCryptsetup + "@a.raw");
  expect_refused("compare @a.raw @plain.raw --key-file @first", "is LUKS1");
}

}  // namespace
}  // namespace orrery::cli

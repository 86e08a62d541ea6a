// `orrery disk export-nbd` with the clients that people use: libnbd's (Debian's libnbd-bin) and
// QEMU's.
#include "cli/disk_fixture.hpp"
#include "cli/server_process.hpp"

namespace orrery::cli {
namespace {

class ExportNbdTest : public DiskTest {
 protected:
  std::string output_of(const std::string& command) const {
    shell(command + " >@output");
    std::string text;
    FILE* const file = std::fopen(here("@output").c_str(), "r");
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
    std::fclose(file);
    return text;
  }
  static void expect_part(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
};

TEST_F(ExportNbdTest, TellsNbdinfoAllAboutTheDisk) {
  expect_done("create @a.qcow2 64M");
  shell("qemu-io -c 'write -P 1 1M 2M' @a.qcow2");
  const ServerProcess server(here("@a.qcow2 --name 'my disk' --listen 127.0.0.1:0"));
  expect_part(server.uri(), "/my%20disk");
  const std::string info = output_of("nbdinfo --json " + server.uri());
  for (const char* part :
       {"\"protocol\": \"newstyle-fixed\"", "\"structured\": true", "\"export-size\": 67108864",
        "\"is_read_only\": false", "\"can_flush\": true", "\"can_fua\": true", "\"can_trim\": true",
        "\"can_zero\": true", "\"can_fast_zero\": true", "\"can_df\": true", "\"can_cache\": true",
        "\"can_multi_conn\": true", "\"block_size_minimum\": 512", "\"base:allocation\"",
        "\"block_size_maximum\": 33554432"}) {
    expect_part(info, part);
  }
  const std::string map = output_of("nbdinfo --map " + server.uri());
  expect_part(map, "1048576     2097152    0  data");
  expect_part(map, "3145728    63963136    3  hole,zero");
  const std::string list = output_of("nbdinfo --list " + server.uri());
  expect_part(list, "export=\"my disk\"");
  expect_part(list, "disk image served by Orrery");
}

TEST_F(ExportNbdTest, NbdcopyCopiesBothWays) {
  shell("qemu-img create -f qcow2 @from.qcow2 40M && head -c 9000000 /dev/urandom >@noise");
  shell("qemu-img dd if=@noise of=@noise.qcow2 -O qcow2 bs=512");
  shell(
      "qemu-io -c 'write -P 3 1M 5M' -c 'write -P 4 39M 1M' -c 'write -s @noise 8M 8M' "
      "@from.qcow2");
  expect_done("create @to.qcow2 40M");
  {
    ServerProcess from(here("@from.qcow2 --read-only --socket @from.sock"));
    ServerProcess to(here("@to.qcow2 --socket @to.sock"));
    shell("nbdcopy " + from.uri() + " @out.raw");
    shell("nbdcopy --flush " + from.uri() + " " + to.uri());
    shell("nbdcopy --synchronous " + from.uri() + " @slow.raw");
    EXPECT_EQ(from.stop(), 0);
    EXPECT_EQ(to.stop(SIGTERM), 0);
  }
  shell("qemu-img compare @from.qcow2 @out.raw && cmp @out.raw @slow.raw");
  shell("qemu-img check @to.qcow2 && qemu-img compare @from.qcow2 @to.qcow2");
  EXPECT_FALSE(exists("from.sock"));
}

TEST_F(ExportNbdTest, QemuImgConvertsBothWays) {
  shell("qemu-img create -f qcow2 @base.qcow2 20M && qemu-io -c 'write -P 3 1M 5M' @base.qcow2");
  shell("qemu-img create -f qcow2 -b base.qcow2 -F qcow2 @top.qcow2");
  shell("qemu-io -c 'write -P 5 2M 1M' -c 'write -z 4M 1M' @top.qcow2");
  shell("qemu-img convert -O raw @top.qcow2 @flat.raw");  // the server's lock lets nobody else read
  expect_done("create @to.raw 20M");
  ServerProcess from(here("@top.qcow2 --listen 127.0.0.1:0"));
  ServerProcess to(here("@to.raw --listen 127.0.0.1:0"));
  shell("qemu-img compare -f raw -F raw " + from.uri() + " @flat.raw");
  shell("qemu-img convert -n -O raw -f raw " + from.uri() + " " + to.uri());
  shell("qemu-img convert -O qcow2 -f raw " + to.uri() + " @back.qcow2");
  shell("qemu-nbd --list -b 127.0.0.1 -p $(echo " + to.uri() +
        " | sed 's/.*:\\([0-9]*\\).*/\\1/')");
  EXPECT_EQ(from.stop(), 0);
  EXPECT_EQ(to.stop(), 0);
  shell("qemu-img compare @top.qcow2 @to.raw && qemu-img compare @top.qcow2 @back.qcow2");
}

// The same writes through the server and without it.
TEST_F(ExportNbdTest, QemuIoWritesWhatItWouldWriteItself) {
  expect_done("create @a.qcow2 32M");
  shell("truncate -s 32M @expected.raw");
  std::string trace;
  std::uint32_t seed = 4711;
  const auto next = [&seed](std::uint32_t below) {
    return (seed = seed * 1664525 + 1013904223) / 65536 % below;
  };
  for (int i = 0; i < 300; ++i) {
    const std::string where =
        std::to_string(next(63 * 1024) * 512) + " " + std::to_string((next(512) + 1) * 512);
    const std::array kinds{"write -P " + std::to_string(1 + next(255)),
                           std::string("write -f -P 7"), std::string("write -z"),
                           std::string("write -z -u"), std::string("write -z -n -u")};
    trace += " -c '" + kinds[next(kinds.size())] + " " + where + "'";
    if (i % 50 == 0) trace += " -c flush";
  }
  for (const char* mode : {"", " --socket @a.sock"}) {
    ServerProcess server(
        here(std::string("@a.qcow2") + (*mode == 0 ? " --listen 127.0.0.1:0" : mode)));
    shell("qemu-io -f raw" + trace + " " + server.uri());
    shell("qemu-io -f raw -c 'discard 1M 1M' -c 'write -P 9 1M 1M' " + server.uri());
    EXPECT_EQ(server.stop(), 0);
    shell("qemu-io -f raw" + trace + " -c 'write -P 9 1M 1M' @expected.raw");
    shell("qemu-img check @a.qcow2 && qemu-img compare @a.qcow2 @expected.raw");
  }
}

TEST_F(ExportNbdTest, DoesNotWriteWhatIsReadOnly) {
  shell("qemu-img create -f qcow2 @a.qcow2 4M && qemu-io -c 'write -P 1 0 1M' @a.qcow2");
  shell("qemu-img snapshot -c before @a.qcow2 && qemu-io -c 'write -P 2 0 1M' @a.qcow2");
  shell("cp @a.qcow2 @copy.qcow2");
  {
    const ServerProcess server(here("@a.qcow2 --read-only --socket @s"));
    shell("qemu-io -r -f raw -c 'read -P 2 0 1M' " + server.uri());
    shell("! qemu-io -f raw -c 'write -P 3 0 1M' " + server.uri());
    shell("nbdinfo --is read-only " + server.uri());
  }
  const ServerProcess server(here("@a.qcow2 --snapshot before --socket @t"));
  shell("qemu-io -r -f raw -c 'read -P 1 0 1M' " + server.uri());
  shell("! qemu-io -f raw -c 'write -P 3 0 1M' " + server.uri());
  shell("cmp @a.qcow2 @copy.qcow2");
}

TEST_F(ExportNbdTest, EndsWithItsLastClientIfAsked) {
  expect_done("create @a.raw 4M");
  ServerProcess server(here("@a.raw --format raw --once --socket @s"));
  shell("! nbdinfo --size 'nbd+unix:///nothing?socket='@s");
  shell("nbdcopy " + server.uri() + " null:");
  EXPECT_EQ(server.wait(), 0);
  EXPECT_FALSE(exists("s"));
}

// In the middle of a copy: the process ends, and the image is whole.
TEST_F(ExportNbdTest, EndsAtASignalWithAWholeImage) {
  shell("head -c 300000000 /dev/urandom >@big.raw && truncate -s 300000256 @big.raw");
  expect_done("create @a.qcow2 300000256");
  ServerProcess server(here("@a.qcow2 --socket @s"));
  const std::string copy = here("nbdcopy @big.raw " + server.uri() + " >/dev/null 2>&1 &");
  ASSERT_EQ(std::system(copy.c_str()), 0);
  while (std::filesystem::file_size(folder_ + "/a.qcow2") < 20'000'000) ::usleep(1000);
  EXPECT_EQ(server.stop(), 0);
  shell("qemu-img check @a.qcow2");
  EXPECT_FALSE(exists("s"));
}

TEST_F(ExportNbdTest, ServesOnWhatIsFreeOnly) {
  expect_done("create @a.qcow2 1M");
  expect_done("create @b.qcow2 1M");
  const ServerProcess server(here("@a.qcow2 --listen 127.0.0.1:0"));
  expect_refused("export-nbd @a.qcow2 --listen 127.0.0.1:0", "in use");
  const std::string uri = server.uri();
  const std::size_t host = uri.find("127");
  expect_refused("export-nbd @b.qcow2 --listen " + uri.substr(host, uri.rfind('/') - host),
                 "cannot bind: Address already in use");
  expect_refused("export-nbd @b.qcow2 --listen nowhere", "there is no port");
  expect_refused("export-nbd @b.qcow2 --listen 127.0.0.1:1 --socket @s", "excludes");
  expect_refused("export-nbd @missing.qcow2", "missing.qcow2");
}

// Half an option, a quarter of a request, and silence: others are served, and the end is not late.
TEST_F(ExportNbdTest, ASilentClientHoldsNobodyUp) {
  expect_done("create @a.qcow2 4M");
  ServerProcess server(here("@a.qcow2 --socket @s"));
  const std::string silent = here(
      "python3 -c \"import socket,time\n"
      "sockets=[]\n"
      "for text in (b'', b'\\0\\0\\0\\3IHAVE', "
      "b'\\0\\0\\0\\3IHAVEOPT\\0\\0\\0\\1\\0\\0\\0\\0\\x25\\x60'):\n"
      "  s=socket.socket(socket.AF_UNIX); s.connect('@s'); s.sendall(text); sockets.append(s)\n"
      "open('@there','w'); time.sleep(60)\" & echo $! >@pid");
  ASSERT_EQ(std::system(silent.c_str()), 0);
  while (!exists("there")) ::usleep(1000);
  shell("nbdcopy " + server.uri() + " null:");
  EXPECT_EQ(server.stop(), 0);
  shell("kill $(cat @pid)");
}

}  // namespace
}  // namespace orrery::cli

// `orrery certificate` as a user meets it.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "cli/command.hpp"

namespace orrery::cli {
namespace {

class CertificateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/orrery-certificate-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  Outcome certificate(const std::string& arguments) const {
    return orrery("certificate " + arguments);
  }
  Outcome create(const std::string& name, const std::string& more = "") const {
    return certificate("create " + path(name) + " --authority " + path("ca.pem") + " --name " +
                       name + " " + more);
  }

  std::string folder_;
};

TEST_F(CertificateTest, IsMadeForItsOwnerAlone) {
  EXPECT_EQ(certificate("authority " + path("ca.pem")).status, 0);
  EXPECT_EQ(create("server", "--address 10.0.0.5 --address server.example").status, 0);
  EXPECT_EQ(create("client").status, 0);
  using std::filesystem::perms;
  for (const char* name : {"ca.pem", "server", "client"}) {
    EXPECT_EQ(std::filesystem::status(path(name)).permissions(),
              perms::owner_read | perms::owner_write);
  }
}

TEST_F(CertificateTest, ReplacesNothing) {
  ASSERT_EQ(certificate("authority " + path("ca.pem")).status, 0);
  const Outcome again = certificate("authority " + path("ca.pem"));
  EXPECT_EQ(again.status, 1);
  EXPECT_NE(again.output.find("File exists"), std::string::npos) << again.output;
}

TEST_F(CertificateTest, SaysWhatIsWrong) {
  std::ofstream(path("ca.pem")) << "something else\n";
  const Outcome outcome = create("client");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.output.find("ca.pem: there is no private key"), std::string::npos)
      << outcome.output;
}

}  // namespace
}  // namespace orrery::cli

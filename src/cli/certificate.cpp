// `orrery certificate`: who may use whose device models.
#include "remote/tls/certificate.hpp"

#include <CLI/CLI.hpp>

#include "base/files/mapped_file.hpp"
#include "base/format.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cli/secret_file.hpp"

namespace orrery::cli {
namespace {

// Ten years, and two: long enough that nobody is surprised soon, short enough that it is done again
// while somebody knows how.
constexpr unsigned kDaysOfAuthority = 3650;
constexpr unsigned kDaysOfCertificate = 730;
constexpr unsigned kMostDays = 36'500;

struct Given {
  std::string file;
  std::string authority;
  remote::tls::CertificateOptions options;
};

Result<int> make_authority(const Given& given) {
  ORRERY_TRY(const std::string text,
             remote::tls::create_authority(given.options.name, given.options.days));
  ORRERY_CHECK(write_secret(given.file, text));
  return 0;
}

Result<int> make_certificate(const Given& given) {
  ORRERY_TRY(const auto authority, MappedFile::open(given.authority));
  const ByteSpan bytes = authority->bytes();
  const auto text = remote::tls::create_certificate(
      {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, given.options);
  if (!text) return fail(text.error().context(given.authority));
  ORRERY_CHECK(write_secret(given.file, *text));
  return 0;
}

void add_authority(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "authority", "make the authority whose certificates trust each other; keep its file safe");
  const auto given = std::make_shared<Given>();
  given->options = {.name = "Orrery", .addresses = {}, .days = kDaysOfAuthority};
  command->add_option("file", given->file, "where it is written: its key and certificate")
      ->required();
  command->add_option("--name", given->options.name, "for people; Orrery if left away");
  command->add_option("--days", given->options.days, "how long it is valid; 3650 if left away")
      ->check(CLI::Range(1u, kMostDays));
  disk::on_command(*command, status, [given](EventLoop&) { return make_authority(*given); });
}

void add_create(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "create", "make a platform's certificate, with its key in the same file");
  const auto given = std::make_shared<Given>();
  given->options.days = kDaysOfCertificate;
  command->add_option("file", given->file, "where it is written")->required();
  command->add_option("--authority", given->authority, "the authority's file")->required();
  command->add_option("--name", given->options.name, "the platform, for people")->required();
  command->add_option("--address", given->options.addresses,
                      "a host name or IP address at which it serves; several times for several. "
                      "Without any, it is for clients only");
  command->add_option("--days", given->options.days, "how long it is valid; 730 if left away")
      ->check(CLI::Range(1u, kMostDays));
  disk::on_command(*command, status, [given](EventLoop&) { return make_certificate(*given); });
}

}  // namespace

void add_certificate(CLI::App& application, int& status) {
  CLI::App* const group =
      application.add_subcommand("certificate", std::string(help_of("certificate")));
  group->require_subcommand(1);
  add_authority(*group, status);
  add_create(*group, status);
}

}  // namespace orrery::cli

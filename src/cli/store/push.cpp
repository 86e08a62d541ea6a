// `orrery store push`.
#include "base/format.hpp"
#include "cli/store/store.hpp"
#include "store/remote/remote_name.hpp"
#include "store/remote/upload.hpp"

namespace orrery::cli::store_commands {
namespace {

namespace remote = store::remote;

struct Given {
  std::string folder;
  std::string image;
  std::string to;
  std::string token_file;
  std::string certificate;
  remote::UploadOptions options;
  bool json = false;
};

// The first word of the file.
Result<std::string> read_token(const std::string& path) {
  ORRERY_TRY(const std::string text, read_text(path));
  std::string token = text.substr(0, text.find_first_of(" \t\r\n"));
  if (!token.empty()) return token;
  return fail(path +
              ": has no token in its first line; put there the one that the server's "
              "`--upload-tokens` has for you");
}

Result<int> push(Given given) {
  ORRERY_TRY(const auto name, remote::parse_remote_name(given.to));
  auto token = read_token(given.token_file);
  if (!token) return fail(token.error().context("--token-file"));
  given.options.token = std::move(*token);
  given.options.name = name.image;
  ORRERY_TRY(const auto opened, open_store(given.folder));
  ORRERY_TRY(const auto image, store::Image::open(*opened, given.image, {}));
  ORRERY_TRY(const auto server, remote::find_store_server(name, given.certificate));
  ORRERY_TRY(const auto interrupt, remote::Interrupt::create());
  ORRERY_TRY(const auto report, remote::upload_image(*image, server, *interrupt, given.options,
                                                     make_progress("pushing")));
  if (given.json) {
    print_json({{"name", name.image},
                {"size", report.size},
                {"data", report.data},
                {"segments", report.segments},
                {"sent_segments", report.sent_segments},
                {"sent", report.sent}});
  } else {
    fmt::print("{}: {}, {} of it in {} segments; {} of them were not there, and {} were sent\n",
               given.to, rounded(report.size), rounded(report.data), report.segments,
               report.sent_segments, rounded(report.sent));
  }
  return 0;
}

}  // namespace

void add_push(CLI::App& group, int& status) {
  CLI::App* const command = group.add_subcommand(
      "push", "add an image to the store of a server: what it has not yet is sent");
  const auto given = std::make_shared<Given>();
  command->add_option("store", given->folder, "the store's folder, on this host")->required();
  command->add_option("image", given->image, "the image")->required();
  command->add_option("to", given->to, "store://HOST[:PORT]/NAME")->required();
  command
      ->add_option("--token-file", given->token_file,
                   "a file with the token that the server knows (`store serve --upload-tokens`)")
      ->required();
  command->add_option(
      "--certificate", given->certificate,
      "who this host is, for a server with one: made by `orrery certificate create`");
  command->add_option("--tag", given->options.tags, "give it a tag there; repeatable");
  command->add_flag("--replace", given->options.replace, "an image of that name may be there");
  command->add_flag("--json", given->json, "for programs");
  on_command(*command, status, [given](EventLoop&) { return push(*given); });
}

}  // namespace orrery::cli::store_commands

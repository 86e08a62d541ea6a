// The page's files over HTTP: of a few that are made up, and of those that this build has.
#include "cluster/page/page.hpp"

#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace orrery::cluster::page {
namespace {

constexpr std::string_view kHtml = "<p>page</p>";
constexpr std::string_view kScript = "run()";

ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::array<File, 2> some_files() {
  return {
      File{"/", "text/html; charset=utf-8", "\"1\"", false, bytes_of(kHtml)},
      File{"/assets/run-1.js", "text/javascript; charset=utf-8", "\"2\"", true, bytes_of(kScript)}};
}

http::Request request_for(std::string path) {
  http::Request request;
  request.path = std::move(path);
  return request;
}

std::string text_of(const http::Reply& reply) {
  std::string text(reply.length, '\0');
  EXPECT_TRUE(
      reply.content.read(reply.first, {reinterpret_cast<std::byte*>(text.data()), text.size()}));
  return text;
}

TEST(Page, GivesItsFilesWithTheirTypes) {
  const auto files = some_files();
  const http::Reply page = reply_to(files, request_for("/"));
  EXPECT_EQ(page.status, 200u);
  EXPECT_EQ(text_of(page), kHtml);
  const std::string head = head_of(page, http::Connection::kStays);
  EXPECT_NE(head.find("Content-Type: text/html; charset=utf-8\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("Cache-Control: no-cache\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("Content-Security-Policy: default-src 'none';"), std::string::npos) << head;
  const http::Reply script = reply_to(files, request_for("/assets/run-1.js"));
  EXPECT_EQ(text_of(script), kScript);
  EXPECT_TRUE(script.content.immutable);
  EXPECT_EQ(script.more.find("no-cache"), std::string::npos) << script.more;
}

TEST(Page, SendsNothingThatABrowserHas) {
  const auto files = some_files();
  http::Request request = request_for("/");
  request.headers = {{"If-None-Match", "\"1\""}};
  const http::Reply reply = reply_to(files, request);
  EXPECT_EQ(reply.status, 304u);
  EXPECT_EQ(reply.length, 0u);
}

TEST(Page, RefusesWhatItDoesNotHave) {
  const auto files = some_files();
  EXPECT_EQ(reply_to(files, request_for("/assets")).status, 404u);
  EXPECT_EQ(reply_to(files, request_for("")).status, 404u);
  EXPECT_EQ(reply_to(files, request_for("//")).status, 404u);
  http::Request post = request_for("/");
  post.method = http::Method::kPost;
  EXPECT_EQ(reply_to(files, post).status, 405u);
}

TEST(Page, SaysThatABuildHasNone) {
  const http::Reply reply = reply_to({}, request_for("/"));
  EXPECT_EQ(reply.status, 404u);
  EXPECT_NE(text_of(reply).find("ORRERY_WEB=OFF"), std::string::npos);
}

// The page loads only what is there.
TEST(Page, OfThisBuildIsWhole) {
  if (files().empty()) GTEST_SKIP() << "this build has no page (ORRERY_WEB=OFF)";
  std::set<std::string> paths;
  for (const File& each : files()) paths.emplace(each.path);
  const std::string html = text_of(reply_to(files(), request_for("/")));
  std::size_t loaded = 0;
  for (std::size_t at = 0; (at = html.find("\"/assets/", at)) != std::string::npos; ++loaded) {
    const std::size_t end = html.find('"', ++at);
    EXPECT_TRUE(paths.contains(html.substr(at, end - at))) << html.substr(at, end - at);
  }
  EXPECT_EQ(loaded + 1, paths.size()) << html;
}

}  // namespace
}  // namespace orrery::cluster::page

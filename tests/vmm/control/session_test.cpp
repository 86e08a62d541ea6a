// What clients of the control socket send and get (docs/formats/control.md), without sockets.
#include "vmm/control/session.hpp"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/sockets/scripted_stream.hpp"
#include "vmm/control/fake_target.hpp"
#include "vmm/control/request.hpp"

namespace orrery::vmm::control {
namespace {

using Json = nlohmann::json;

class SessionTest : public ::testing::Test {
 protected:
  // Sends TEXT and returns what has been answered since the last call.
  std::string ask(std::string_view text) {
    stream.give(as_bytes(text.data(), text.size()));
    std::string answers(reinterpret_cast<const char*>(stream.received.data()),
                        stream.received.size());
    stream.received.clear();
    return answers;
  }
  Json ask_one(std::string_view line) { return Json::parse(ask(std::string(line) + '\n')); }

  testing::FakeControlTarget target;
  testing::ScriptedStream stream;
  Session session{target, stream};
  Task<Result<>> task = [this] {
    auto served = session.serve();
    served.start([] {});
    return served;
  }();
};

// The blocks of the page between ``` lines.
std::vector<std::string> examples() {
  std::ifstream file(ORRERY_SOURCE_DIR "/docs/formats/control.md");
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```") {
      inside = !inside;
      if (inside) blocks.emplace_back();
    } else if (inside) {
      blocks.back() += line + '\n';
    }
  }
  return blocks;
}

TEST_F(SessionTest, AnswersAsThePageShows) {
  const auto blocks = examples();
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_EQ(ask(blocks[0]), blocks[1]);
  EXPECT_TRUE(target.state.paused);
}

TEST_F(SessionTest, EveryButton) {
  for (const char* command : {"power-off", "reset", "quit"}) {
    EXPECT_EQ(ask_one(Json{{"command", command}}.dump()), Json({{"ok", true}})) << command;
  }
  EXPECT_EQ(target.pressed, (std::vector<std::string>{"power", "reset", "quit"}));
}

TEST_F(SessionTest, ADeviceMoves) {
  EXPECT_EQ(ask_one(R"({"command": "move-device", "device": "disk0", "server": "host:1"})"),
            Json({{"ok", true}}));
  EXPECT_EQ(target.pressed, std::vector<std::string>{"disk0 to host:1"});
  for (const char* line : {R"({"command": "move-device", "device": "nothing", "server": "host"})",
                           R"({"command": "move-device", "device": "disk0"})",
                           R"({"command": "move-device", "device": 1, "server": "host"})"}) {
    EXPECT_EQ(ask_one(line)["ok"], false) << line;
  }
}

TEST_F(SessionTest, ARequestWaitsForTheAnswerOfTheOneBefore) {
  target.stands = false;
  EXPECT_EQ(ask("{\"command\": \"pause\"}\n{\"command\": \"resume\"}\n"), "");
  EXPECT_TRUE(target.state.paused);
  target.let_stand();
  EXPECT_EQ(ask(""), "{\"ok\":true}\n{\"ok\":true}\n");
  EXPECT_FALSE(target.state.paused);
}

TEST_F(SessionTest, TellsWhatTheTargetRefuses) {
  ask_one(R"({"command": "pause"})");
  EXPECT_EQ(ask_one(R"({"command": "power-off"})"),
            Json({{"ok", false}, {"error", "it is paused"}}));
}

TEST_F(SessionTest, LinesThatAreNoRequests) {
  for (const char* line : {"", "status", "[]", "7", "{", "{}", R"({"command": 7})", "\xff\xfe",
                           R"({"command": "status"} x)"}) {
    const Json answer = ask_one(line);
    EXPECT_EQ(answer["ok"], false) << line;
    EXPECT_FALSE(answer["error"].get<std::string>().empty()) << line;
  }
  EXPECT_EQ(ask_one(R"({"command": "status"})")["ok"], true) << "the session goes on";
}

TEST_F(SessionTest, AnUnknownCommandMayBeAnyText) {
  const Json answer = ask_one("{\"command\": \"\xf0\x9f\x90\x88\"}");
  EXPECT_NE(answer["error"].get<std::string>().find("\xf0\x9f\x90\x88"), std::string::npos);
}

TEST_F(SessionTest, LinesComeInAnyPieces) {
  stream.most_at_once = 3;
  EXPECT_EQ(ask("{\"command\": \"resume\"}\r\n"), "{\"ok\":true}\n");
  EXPECT_EQ(ask("{\"comm"), "");
  EXPECT_EQ(ask("and\": \"resume\"}\n"), "{\"ok\":true}\n");
}

TEST_F(SessionTest, ALineThatIsTooLongIsAnsweredAndEndsTheSession) {
  const Json answer = Json::parse(ask(std::string(kLongestLine + 5000, ' ')));
  EXPECT_NE(answer["error"].get<std::string>().find("65536"), std::string::npos);
  EXPECT_TRUE(task.done());
}

TEST_F(SessionTest, AClientMayLeaveInTheMiddle) {
  EXPECT_EQ(ask("{\"command\": \"res"), "");
  stream.leave();
  EXPECT_TRUE(task.done());
}

TEST_F(SessionTest, ASnapshotNeedsItsFiles) {
  for (const char* line : {R"({"command": "snapshot-begin"})",
                           R"({"command": "snapshot-begin", "name": "x", "overlays": []})",
                           R"({"command": "snapshot-begin", "name": 7, "overlays": [1]})",
                           R"({"command": "snapshot-finish"})"}) {
    EXPECT_EQ(ask_one(line)["ok"], false) << line;
  }
  EXPECT_EQ(target.snapshots_under_way, 0);
}

TEST(ControlAnswer, IsReadBack) {
  EXPECT_EQ(parse_answer(answer_line(Json{{"state", "paused"}})), (Json{{"state", "paused"}}));
  EXPECT_EQ(parse_answer(answer_line(fail("no"))).error().message(), "no");
  for (const char* line : {"", "[]", "{}", R"({"ok": 1})"}) {
    EXPECT_FALSE(parse_answer(line).has_value()) << line;
  }
  EXPECT_FALSE(parse_answer(R"({"ok": false})").has_value());
}

}  // namespace
}  // namespace orrery::vmm::control

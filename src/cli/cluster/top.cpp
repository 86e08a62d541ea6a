// `orrery top`: what the platforms and virtual machines of a panel use, again and again.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/format.hpp"
#include "cli/cluster/cluster.hpp"
#include "cli/commands.hpp"
#include "cli/disk/disk.hpp"
#include "cluster/client/top_picture.hpp"
#include "vmm/console/terminal.hpp"
#include "vmm/host/signals.hpp"

namespace orrery::cli {
namespace cluster_commands {
namespace {

using Order = cluster::TopPicture::Order;

struct KnownOrder {
  const char* name;
  char key;
  Order order;
};
constexpr std::array kOrders{
    KnownOrder{"processor", 'p', Order::kProcessor}, KnownOrder{"memory", 'm', Order::kMemory},
    KnownOrder{"disk", 'd', Order::kDisk},           KnownOrder{"network", 'n', Order::kNetwork},
    KnownOrder{"name", 'a', Order::kName},
};

struct Given {
  Where where;
  unsigned seconds = 2;
  bool once = false;
  std::string order = kOrders.front().name;
};

// Figures as the panel tells them, as long as its connection lasts.
class Stream {
 public:
  static Result<std::unique_ptr<Stream>> open(EventLoop& loop, cluster::ApiClient& client,
                                              cluster::TopPicture& picture) {
    ORRERY_TRY(auto socket, client.open("/v1/figures/stream"));
    return std::unique_ptr<Stream>(new Stream(loop, std::move(socket), picture));
  }
  ~Stream() {
    (*socket_)->close();
    while (!receiving_.done()) loop_.poll();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  bool over() const { return receiving_.done(); }

 private:
  Stream(EventLoop& loop, std::unique_ptr<http::ClientSocket> socket, cluster::TopPicture& picture)
      : loop_(loop), socket_(std::move(socket)), picture_(picture), receiving_(receive()) {
    receiving_.start([this] { loop_.stop(); });
  }

  // Whoever waits for the picture to be complete is told.
  Task<Result<>> receive() {
    while (true) {
      const std::optional<http::Message> message = co_await (*socket_)->receive();
      if (!message) break;
      const bool was_complete = picture_.complete();
      picture_.take(cluster::parse_object(message->data));
      if (!was_complete && picture_.complete()) loop_.stop();
    }
    co_return Result<>{};
  }

  EventLoop& loop_;
  std::unique_ptr<http::ClientSocket> socket_;
  cluster::TopPicture& picture_;
  Task<Result<>> receiving_;  // goes before what it uses
};

// The terminal while it shows the picture, with escape sequences of ECMA-48 that every terminal of
// today knows; as it was before at the end.
class Screen {
 public:
  Screen() : keys_(vmm::terminal::usable(STDIN_FILENO)) {
    if (keys_) vmm::terminal::make_raw(STDIN_FILENO);
    put("\x1b[?1049h\x1b[?25l");  // another screen, without a cursor
  }
  ~Screen() {
    put("\x1b[?25h\x1b[?1049l");
    vmm::terminal::restore();
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Whether what is typed comes at once.
  bool keys() const { return keys_; }

  struct Size {
    std::size_t rows = 24;
    std::size_t columns = 80;
  };
  static Size size() {
    winsize told{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &told) != 0 || told.ws_row == 0 || told.ws_col == 0) {
      return {};
    }
    return {told.ws_row, told.ws_col};
  }

  // All of it at once, and no line is cleared before it is written: nothing flickers.
  static void draw(const std::vector<std::string>& lines) {
    std::string text = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
      text += format("{}{}\x1b[K", i == 0 ? "" : "\n", lines[i]);
    }
    put(text + "\x1b[J");
  }

 private:
  static void put(const std::string& text) {
    fmt::print("{}", text);
    std::fflush(stdout);
  }

  const bool keys_;
};

class Top {
 public:
  Top(EventLoop& loop, cluster::ApiClient& client, const Given& given)
      : loop_(loop),
        client_(client),
        given_(given),
        order_(std::ranges::find(kOrders, given.order, &KnownOrder::name)),
        timer_(loop.create_timer([this] { turn_over(); })) {}

  Result<int> run() {
    ORRERY_CHECK(refresh());
    if (given_.once || given_.where.json) return show_once();
    vmm::block_served_signals();
    ORRERY_TRY(const auto signals,
               vmm::Signals::create(loop_, {.end = [this](int) { end(); },
                                            .continued = [this] { continued(); },
                                            .resized = [this] { draw(); }}));
    if (::isatty(STDOUT_FILENO) == 1) screen_ = std::make_unique<Screen>();
    std::unique_ptr<Watch> keys;
    if (screen_ && screen_->keys()) {
      ORRERY_TRY(keys, loop_.watch(STDIN_FILENO, Readiness::kReadable, [this] { read_keys(); }));
    }
    while (!ended_) {
      draw();
      wait(std::chrono::seconds(given_.seconds));
      if (!ended_) refresh_or_say();
    }
    stream_.reset();
    screen_.reset();
    return 0;
  }

 private:
  // Lists, and the stream where there is none.
  Result<> refresh() {
    ORRERY_TRY(const Json platforms, client_.get_all("/v1/platforms"));
    ORRERY_TRY(const Json vms, client_.get_all("/v1/vms"));
    picture_.set(platforms, vms);
    if (stream_ && !stream_->over()) return {};
    picture_.forget_figures();
    ORRERY_TRY(stream_, Stream::open(loop_, client_, picture_));
    return {};
  }

  void refresh_or_say() {
    const Result<> refreshed = refresh();
    problem_ = refreshed ? "" : refreshed.error().message();
  }

  // Agents tell figures each second, and a rate takes two.
  Result<int> show_once() {
    constexpr std::chrono::seconds kPatience{5};
    if (!picture_.complete()) wait(kPatience);
    if (given_.where.json) {
      disk::print_json(picture_.json());
    } else {
      print(picture_.lines(order_->order, SIZE_MAX, SIZE_MAX));
    }
    stream_.reset();
    return 0;
  }

  static void print(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) fmt::print("{}\n", line);
    std::fflush(stdout);
  }

  void draw() {
    if (!screen_) {
      print(picture_.lines(order_->order, SIZE_MAX, SIZE_MAX));
      fmt::print("{}\n", problem_);
      return;
    }
    const Screen::Size size = Screen::size();
    auto lines = picture_.lines(order_->order, size.rows - 1, size.columns);
    std::string last = problem_.empty()
                           ? format(
                                 "by {}; keys: p m d n a sort by processor, memory, disk, "
                                 "network, name; q leaves",
                                 order_->name)
                           : "NOT UP TO DATE: " + problem_;
    last.resize(std::min(last.size(), size.columns));
    lines.resize(size.rows - 1);
    lines.push_back(std::move(last));
    Screen::draw(lines);
  }

  void continued() {
    vmm::terminal::make_raw_again();
    draw();
  }

  void read_keys() {
    constexpr char kInterrupt = 3;  // Ctrl-C, which is a byte like any other in raw mode
    std::array<char, 64> keys{};
    const ssize_t count = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (count <= 0) return end();
    for (const char key : std::string_view(keys.data(), static_cast<std::size_t>(count))) {
      if (key == 'q' || key == kInterrupt) return end();
      const auto* const known = std::ranges::find(kOrders, key, &KnownOrder::key);
      if (known != kOrders.end()) order_ = known;
    }
    draw();
  }

  void end() {
    ended_ = true;
    loop_.stop();
  }
  void turn_over() {
    over_ = true;
    loop_.stop();
  }

  // Or until the user leaves, or, at the first picture, until it is complete.
  void wait(std::chrono::seconds time) {
    over_ = false;
    const bool complete = picture_.complete();
    timer_->arm(std::chrono::steady_clock::now() + time);
    while (!over_ && !ended_ && picture_.complete() == complete) loop_.run();
    timer_->cancel();
  }

  EventLoop& loop_;
  cluster::ApiClient& client_;
  const Given& given_;
  const KnownOrder* order_;
  cluster::TopPicture picture_;
  std::unique_ptr<LoopTimer> timer_;
  std::unique_ptr<Screen> screen_;  // none: the picture goes to a file or a pipe
  std::unique_ptr<Stream> stream_;
  std::string problem_;  // why the picture is an old one
  bool over_ = false;
  bool ended_ = false;
};

}  // namespace
}  // namespace cluster_commands

void add_top(CLI::App& application, int& status) {
  namespace commands = cluster_commands;
  CLI::App* const command = application.add_subcommand("top", std::string(help_of("top")));
  const auto given = std::make_shared<commands::Given>();
  commands::add_where(*command, given->where);
  command->add_flag("--json", given->where.json, "print it once, for programs");
  command->add_flag("--once", given->once, "print it once, as soon as there are rates");
  command->add_option("--seconds", given->seconds, "how often; 2 if left away")
      ->check(CLI::Range(1U, 3600U));
  std::set<std::string> orders;
  for (const commands::KnownOrder& each : commands::kOrders) orders.insert(each.name);
  command
      ->add_option("--sort", given->order,
                   "processor (if left away), memory, disk, network or name; at a terminal also by "
                   "the keys p, m, d, n, a")
      ->check(CLI::IsMember(orders));
  disk::on_command(*command, status, [given](EventLoop& loop) -> Result<int> {
    ORRERY_TRY(cluster::ApiClient client, commands::connect(loop, given->where));
    return commands::Top(loop, client, *given).run();
  });
}

}  // namespace orrery::cli

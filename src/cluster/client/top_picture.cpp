#include "cluster/client/top_picture.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "base/rounded.hpp"
#include "cluster/client/text_table.hpp"

namespace orrery::cluster {
namespace {

using link::Rates;

std::string text_of(Bytes bytes) {
  return rounded(bytes.value());
}
std::string text_of(double bytes_per_second) {
  return rounded(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}
std::string percent(double processors) {
  constexpr double kPercent = 100;
  return format("{:.1f}", processors * kPercent);
}

// What is sorted by, the most first.
double weight(const Rates& rates, TopPicture::Order order) {
  switch (order) {
    case TopPicture::Order::kProcessor: return rates.processors;
    case TopPicture::Order::kMemory: return static_cast<double>(rates.resident.value());
    case TopPicture::Order::kDisk: return rates.disk.both();
    case TopPicture::Order::kNetwork: return rates.network.both();
    case TopPicture::Order::kName: break;
  }
  return 0;
}

Json to_json(const Rates& rates) {
  return {{"processors", rates.processors}, {"resident", rates.resident.value()},
          {"disk_in", rates.disk.in},       {"disk_out", rates.disk.out},
          {"network_in", rates.network.in}, {"network_out", rates.network.out}};
}

const Json& object_in(const Json& json, const char* name) {
  static const Json kNone = Json::object();
  const Json* const found = find_field(json, name);
  return found == nullptr ? kNone : *found;
}
Bytes memory_in(const Json& json, const char* name) {
  return Bytes(field(object_in(json, name), "memory", std::uint64_t{0}));
}

}  // namespace

void TopPicture::set(const Json& platforms, const Json& vms) {
  hosts_.clear();
  for (const Json& each : platforms) {
    const bool draining = field(each, "draining", false);
    hosts_.push_back({.name = text_field(each, "name"),
                      .state = text_field(each, "state") + (draining ? ", draining" : ""),
                      .vms = field(each, "vms", 0U),
                      .allocated = memory_in(each, "allocated"),
                      .capacity = memory_in(each, "capacity"),
                      .cpus = field(object_in(each, "capacity"), "cpus", 0U)});
  }
  machines_.clear();
  std::map<std::string, Seen> seen;
  for (const Json& each : vms) {
    const Machine& machine =
        machines_.emplace_back(Machine{.name = text_field(each, "name"),
                                       .state = text_field(each, "state"),
                                       .platform = text_field(each, "platform"),
                                       .cpus = field(object_in(each, "needs"), "cpus", 0U),
                                       .memory = memory_in(each, "needs")});
    if (machine.platform.empty()) continue;
    // What runs there no more is forgotten.
    const std::string name = machine.platform + "/" + machine.name;
    seen[name] = std::move(seen_[name]);
  }
  seen_ = std::move(seen);
}

void TopPicture::take(const Json& figures) {
  const std::string name = text_field(figures, "platform") + "/" + text_field(figures, "vm");
  const auto found = seen_.find(name);
  if (found == seen_.end()) return;
  Seen& seen = found->second;
  link::VmFigures now = link::figures_of(figures);
  seen.rates = seen.figures ? link::rates_between(*seen.figures, now) : std::nullopt;
  seen.figures = std::move(now);
}

void TopPicture::forget_figures() {
  for (auto& [name, seen] : seen_) seen = {};
}

const Rates* TopPicture::rates_of(const Machine& machine) const {
  const auto found = seen_.find(machine.platform + "/" + machine.name);
  return found == seen_.end() || !found->second.rates ? nullptr : &*found->second.rates;
}

std::map<std::string, Rates> TopPicture::sums() const {
  std::map<std::string, Rates> sums;
  for (const Machine& each : machines_) {
    const Rates* const rates = rates_of(each);
    if (rates == nullptr) continue;
    Rates& sum = sums[each.platform];
    sum.processors += rates->processors;
    sum.resident += rates->resident.value();
    sum.disk.in += rates->disk.in;
    sum.disk.out += rates->disk.out;
    sum.network.in += rates->network.in;
    sum.network.out += rates->network.out;
  }
  return sums;
}

bool TopPicture::complete() const {
  return std::ranges::all_of(machines_, [this](const Machine& each) {
    return each.state != "running" || rates_of(each) != nullptr;
  });
}

std::vector<const TopPicture::Machine*> TopPicture::sorted(Order order) const {
  std::vector<const Machine*> machines;
  for (const Machine& each : machines_) {
    if (!each.platform.empty()) machines.push_back(&each);
  }
  const auto weight_of = [&](const Machine* machine) {
    const Rates* const rates = rates_of(*machine);
    return rates == nullptr ? -1.0 : weight(*rates, order);
  };
  std::ranges::stable_sort(machines, {}, [](const Machine* each) { return each->name; });
  if (order != Order::kName) std::ranges::stable_sort(machines, std::greater<>(), weight_of);
  return machines;
}

std::string TopPicture::summary() const {
  std::map<std::string, unsigned> states;
  for (const Machine& each : machines_) ++states[each.state];
  std::string text = format("{} virtual machines", machines_.size());
  for (const auto& [state, count] : states) text += format(", {} {}", count, state);
  return text;
}

std::vector<std::string> TopPicture::platform_lines() const {
  std::vector<TextRow> rows;
  auto all = sums();
  for (const Host& each : hosts_) {
    const Rates& rates = all[each.name];
    rows.push_back({each.name, each.state, format("{}", each.vms),
                    format("{} of {}", text_of(each.allocated), text_of(each.capacity)),
                    format("{} of {}", percent(rates.processors), each.cpus * 100),
                    text_of(rates.resident), text_of(rates.disk.both()),
                    text_of(rates.network.both())});
  }
  return table_lines({"PLATFORM", "STATE", "VMS", "ALLOCATED", "CPU%", "RESIDENT", "DISK", "NET"},
                     rows);
}

std::vector<std::string> TopPicture::machine_lines(Order order) const {
  std::vector<TextRow> rows;
  for (const Machine* const each : sorted(order)) {
    const Rates* const rates = rates_of(*each);
    TextRow row{each->name, each->state, each->platform};
    if (rates == nullptr) {
      row.insert(row.end(), {"-", "-", "-", "-", "-", "-"});
    } else {
      row.insert(row.end(), {percent(rates->processors), text_of(rates->resident),
                             text_of(rates->disk.in), text_of(rates->disk.out),
                             text_of(rates->network.in), text_of(rates->network.out)});
    }
    rows.push_back(std::move(row));
  }
  return table_lines(
      {"NAME", "STATE", "PLATFORM", "CPU%", "RESIDENT", "READ", "WRITTEN", "RECEIVED", "SENT"},
      rows);
}

std::vector<std::string> TopPicture::lines(Order order, std::size_t rows,
                                           std::size_t columns) const {
  std::vector<std::string> all{summary(), ""};
  const auto append = [&](std::vector<std::string> lines) {
    all.insert(all.end(), std::make_move_iterator(lines.begin()),
               std::make_move_iterator(lines.end()));
  };
  append(platform_lines());
  all.emplace_back();
  append(machine_lines(order));
  if (all.size() > rows && rows > 0) {
    const std::size_t left_out = all.size() - rows + 1;
    all.resize(rows - 1);
    all.push_back(format("... and {} lines more", left_out));
  }
  for (std::string& each : all) each.resize(std::min(each.size(), columns));
  return all;
}

Json TopPicture::json() const {
  Json platforms = Json::array();
  auto all = sums();
  for (const Host& each : hosts_) {
    platforms.push_back({{"name", each.name},
                         {"state", each.state},
                         {"vms", each.vms},
                         {"allocated", each.allocated.value()},
                         {"capacity", each.capacity.value()},
                         {"cpus", each.cpus},
                         {"rates", to_json(all[each.name])}});
  }
  Json vms = Json::array();
  for (const Machine& each : machines_) {
    const Rates* const rates = rates_of(each);
    vms.push_back({{"name", each.name},
                   {"state", each.state},
                   {"platform", each.platform},
                   {"cpus", each.cpus},
                   {"memory", each.memory.value()},
                   {"rates", rates == nullptr ? Json(nullptr) : to_json(*rates)}});
  }
  return {{"platforms", std::move(platforms)}, {"vms", std::move(vms)}};
}

}  // namespace orrery::cluster

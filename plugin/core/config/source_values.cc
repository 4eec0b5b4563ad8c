#include "core/config/source_values.h"

namespace mailpool::value {
namespace {

constexpr std::size_t most_sources_of_a_pool = 1000;
constexpr std::size_t most_days_of_a_plan = 366;
constexpr Whole<std::uint32_t> weight{1, 1000};
constexpr Whole<std::uint32_t> messages_of_a_day{0, 1'000'000'000};

Parsed<IpAddress> local_address() {
  return {R"(an IP address of this machine, such as "192.0.2.10" or "2001:db8::10")",
          [](std::string_view text) -> Result<IpAddress> {
            auto const address = IpAddress::parse(text);
            if (!address) return failed(toml_string(printable(text, 64)) + " is not an address");
            return *address;
          },
          [](IpAddress const& address) { return address.to_string(); }};
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<std::chrono::sys_days> parse_day(std::string_view text) {
  using namespace std::chrono;
  auto const wrong = [&] {
    return failed(toml_string(printable(text, 64)) + " is not a day such as \"2026-12-01\"");
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return wrong();
  auto const y = to_number(text.substr(0, 4));
  auto const m = to_number(text.substr(5, 2));
  auto const d = to_number(text.substr(8, 2));
  if (!y || !m || !d || *y < 1970 || *y > 2200) return wrong();
  year_month_day const date(year(static_cast<int>(*y)), month(static_cast<unsigned>(*m)),
                            day(static_cast<unsigned>(*d)));
  if (!date.ok()) return wrong();
  return sys_days(date);
}

std::string day_text(std::chrono::sys_days day) {
  std::chrono::year_month_day const date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string Addresses::words() const {
  return local_address().words() + ", or a list of one IPv4 and one IPv6 address";
}

std::string Addresses::show(Value const& addresses) const {
  return ListOf{local_address(), 0, 2}.show(addresses);
}

std::optional<Addresses::Value> Addresses::read(Node const& node, Wrongs& wrongs) const {
  if (node.kind == Node::Kind::Text) {
    auto address = local_address().read(node, wrongs);
    if (!address) return std::nullopt;
    return Value{*address};
  }
  auto addresses = ListOf{local_address(), 0, 2}.read(node, wrongs);
  if (addresses && addresses->size() == 2 && (*addresses)[0].family() == (*addresses)[1].family()) {
    wrongs.push_back({node.items[1].line, "two addresses of one family", words()});
    return std::nullopt;
  }
  return addresses;
}

std::string Weights::words() const {
  return "sources and their weights, such as { west = 3, east = 1 }";
}

std::string Weights::show(Value const& weights) const {
  if (weights.empty()) return {};
  std::string text;
  for (auto const& each : weights)
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", each.source, each.weight);
  return "{ " + text + " }";
}

std::optional<Weights::Value> Weights::read(Node const& node, Wrongs& wrongs) const {
  if (node.kind != Node::Kind::Table || node.entries.empty() ||
      node.entries.size() > most_sources_of_a_pool) {
    wrongs.push_back(node.kind != Node::Kind::Table
                         ? wrong_type(node, words())
                         : Wrong{node.line, fmt::format("{} sources", node.entries.size()),
                                 fmt::format("from 1 to {}", most_sources_of_a_pool)});
    return std::nullopt;
  }
  Value weights;
  auto const before = wrongs.size();
  for (auto const& entry : node.entries) {
    auto const of_entry = weight.read(entry.value, wrongs);
    if (of_entry) weights.push_back({entry.key, *of_entry});
  }
  if (wrongs.size() != before) return std::nullopt;
  return weights;
}

std::string WarmUpPlan::words() const {
  return R"(a plan such as { start = "2026-12-01", plan = [50, 100, 500] })";
}

std::string WarmUpPlan::show(WarmUp const& plan) const {
  if (!plan.is_planned()) return {};
  return fmt::format("{{ start = \"{}\", plan = {} }}", day_text(plan.start),
                     ListOf{messages_of_a_day, 1, most_days_of_a_plan}.show(plan.plan));
}

std::optional<WarmUp> WarmUpPlan::read(Node const& node, Wrongs& wrongs) const {
  if (node.kind != Node::Kind::Table) {
    wrongs.push_back(wrong_type(node, words()));
    return std::nullopt;
  }
  WarmUp warm_up;
  auto const before = wrongs.size();
  for (auto const& entry : node.entries) {
    if (entry.key == "start") {
      auto const day = parse_day(entry.value.text);
      if (day)
        warm_up.start = *day;
      else
        wrongs.push_back({entry.line, day.error().reason, words()});
    } else if (entry.key == "plan") {
      auto plan = ListOf{messages_of_a_day, 1, most_days_of_a_plan}.read(entry.value, wrongs);
      if (plan) warm_up.plan = std::move(*plan);
    } else {
      wrongs.push_back({entry.line, printable(entry.key, 64) + " is not part of a plan", words()});
    }
  }
  for (auto const* key : {"start", "plan"})
    if (node.find(key) == nullptr)
      wrongs.push_back({node.line, fmt::format("{} is missing", key), words()});
  if (wrongs.size() != before) return std::nullopt;
  return warm_up;
}

}  // namespace mailpool::value

// poolctl queue: what waits where, for what, and when it will be gone.

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>

#include "core/base/text.h"
#include "core/control/json.h"
#include "poolctl/queue_rows.h"
#include "poolctl/queue_source.h"
#include "poolctl/table.h"
#include "poolctl/views.h"
#include "poolctl/words.h"

namespace mailpool::poolctl {
namespace {

using Json = nlohmann::ordered_json;
using parking::Why;

std::string age_of(std::int64_t arrived) {
  if (arrived == 0) return {};
  auto const age =
      std::max<std::int64_t>(0, static_cast<std::int64_t>(std::time(nullptr)) - arrived);
  return to_text(std::chrono::seconds(age));
}

std::string time_text(std::int64_t seconds) {
  return control::to_rfc3339(WallTime(std::chrono::seconds(seconds)));
}

control::ParkedRow const* parked_at(control::QueueStatus const* manager, std::string const& site) {
  if (manager == nullptr) return nullptr;
  auto const at = std::find_if(manager->sites.begin(), manager->sites.end(),
                               [&](auto const& row) { return row.site == site; });
  return at == manager->sites.end() ? nullptr : &*at;
}

Cell count_cell(std::uint64_t n) {
  return {n == 0 ? std::string() : std::to_string(n)};
}

std::vector<Column> columns_for(std::string const& title) {
  return {{title, 0, false, 12, 40}, {"MESSAGES", 0, true}, {"LIMIT", 0, true},
          {"SUSPENDED", 0, true},    {"BACK-OFF", 0, true}, {"DNS", 1, true},
          {"DRAINED", 2, true},      {"REMOTE", 0, true},   {"OTHER", 1, true},
          {"ACTIVE", 3, true},       {"HELD", 0, true},     {"OLDEST", 0, true},
          {"GONE IN", 0, true}};
}

std::vector<Cell> queue_row(std::string const& name, QueueCounts const& counts,
                            control::ParkedRow const* parked) {
  auto const by = [&](Why why) { return count_cell(counts.by_why[static_cast<std::size_t>(why)]); };
  return {{name.empty() ? "(nobody knows)" : name},
          {std::to_string(counts.messages), Style::Bold},
          by(Why::Limit),
          by(Why::Suspended),
          by(Why::BackingOff),
          by(Why::Route),
          by(Why::Draining),
          by(Why::Remote),
          by(Why::Other),
          count_cell(counts.active),
          count_cell(counts.held),
          {age_of(counts.oldest)},
          {parked != nullptr && parked->empty_in ? to_text(*parked->empty_in) : std::string()}};
}

Json counts_as_json(QueueCounts const& counts) {
  Json object{{"messages", counts.messages}, {"active", counts.active}, {"held", counts.held}};
  for (std::size_t why = 0; why < parking::whys; ++why)
    object[std::string(parking::name_of(static_cast<Why>(why)))] = counts.by_why[why];
  object["oldest"] = counts.oldest == 0 ? Json(nullptr) : Json(time_text(counts.oldest));
  return object;
}

Json rows_as_json(char const* key, std::map<std::string, QueueCounts> const& counts,
                  control::QueueStatus const* manager) {
  auto rows = Json::array();
  for (auto const& [name, of_name] : counts) {
    Json row{{key, printable(name, 320)}};
    row.update(counts_as_json(of_name));
    if (std::string_view(key) == "site") {
      auto const* parked = parked_at(manager, name);
      row["empty_in"] = parked != nullptr && parked->empty_in
                            ? Json(std::chrono::duration<double>(*parked->empty_in).count())
                            : Json(nullptr);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// The largest first.
std::vector<std::pair<std::string, QueueCounts>> ordered(
    std::map<std::string, QueueCounts> const& counts) {
  std::vector<std::pair<std::string, QueueCounts>> all(counts.begin(), counts.end());
  std::stable_sort(all.begin(), all.end(), [](auto const& a, auto const& b) {
    return a.second.messages > b.second.messages;
  });
  return all;
}

void say_what_wakes(Context& context, control::QueueStatus const* manager) {
  if (manager == nullptr) {
    context.err
        << "poolctl: mailpoold does not answer: tenants, campaigns and times are not known\n";
    return;
  }
  for (auto const& queue : manager->queues)
    if (!queue.trouble.empty())
      context.out << wrapped(
          fmt::format("notice: {}: nothing there is woken when there is room: {}", queue.directory,
                      queue.trouble),
          context.screen.width);
}

void show_tables(Context& context, QueueReport const& report, control::QueueStatus const* manager) {
  if (report.all.messages == 0) {
    context.out << "nothing waits in the queue\n";
    return say_what_wakes(context, manager);
  }
  Table sites(columns_for("SITE"));
  for (auto const& [name, counts] : ordered(report.by_site))
    sites.add(queue_row(printable(name, 320), counts, parked_at(manager, name)));
  context.out << sites.text(context.screen);
  auto const show = [&](char const* title, std::map<std::string, QueueCounts> const& all) {
    if (all.empty()) return;
    Table table(columns_for(title));
    for (auto const& [name, counts] : ordered(all))
      table.add(queue_row(printable(name, 320), counts, nullptr));
    context.out << "\n" << table.text(context.screen);
  };
  show("TENANT", report.by_tenant);
  show("CAMPAIGN", report.by_campaign);
  say_what_wakes(context, manager);
}

// A line a message, as it is read: a million take no memory.
void list_one(Context& context, Waiter const& waiter) {
  auto const& entry = *waiter.entry;
  auto const* to = waiter.recipient;
  auto const recipient = to == nullptr ? std::string() : printable(to->address, 320);
  auto const reason = to == nullptr ? std::string() : printable(to->reason, 1000);
  if (context.json) {
    Json const line{
        {"queue_id", printable(entry.id, 64)},         {"queue", printable(entry.queue, 20)},
        {"site", printable(waiter.site, 320)},         {"tenant", printable(waiter.tenant, 320)},
        {"campaign", printable(waiter.campaign, 320)}, {"why", parking::name_of(waiter.why)},
        {"arrived", time_text(entry.arrived)},         {"size", entry.size},
        {"sender", printable(entry.sender, 320)},      {"recipient", recipient},
        {"recipients", entry.recipients.size()},       {"reason", reason}};
    context.out << line.dump() << "\n";
    return;
  }
  auto const more = entry.recipients.size() > 1 ? fmt::format(" (+{})", entry.recipients.size() - 1)
                                                : std::string();
  auto const text =
      fmt::format("{:<15} {:>7} {:<8} {:<11} {:<18} <{}> -> <{}>{}", printable(entry.id, 64),
                  age_of(entry.arrived), printable(entry.queue, 20), parking::name_of(waiter.why),
                  printable(waiter.site, 320), printable(entry.sender, 320), recipient, more);
  context.out << (context.screen.is_terminal ? cut(text, context.screen.width) : text) << "\n";
}

}  // namespace

int show_queue(Context& context, QueueOptions const& options, CommandRunner& runner,
               control::QueueStatus const* manager, RememberedMessages const& remembered) {
  QueueReport report;
  auto const visit = [&](QueueEntry const& entry) {
    for (auto const& waiter : waiters_of(entry, remembered)) {
      if (!options.selection.takes(waiter)) continue;
      report.add(waiter);
      if (options.is_list) list_one(context, waiter);
    }
  };
  auto const read = options.sendmail.empty()
                        ? read_postfix_queue(runner, options.config_directory, visit)
                        : read_sendmail_queue(options.sendmail, visit);
  if (!read) {
    if (context.json) context.out << control::indented(control::to_json(read.error())) << "\n";
    context.err << "poolctl: " << read.error().reason << "\n";
    return Exit::Refused;
  }
  if (read->unreadable != 0)
    context.err << fmt::format("poolctl: {} that say nothing of a message were passed over\n",
                               counted(read->unreadable, "entry", "entries"));
  if (options.is_list) return Exit::Done;
  if (!context.json) {
    show_tables(context, report, manager);
    return Exit::Done;
  }
  Json answer{{"all", counts_as_json(report.all)},
              {"sites", rows_as_json("site", report.by_site, manager)},
              {"tenants", rows_as_json("tenant", report.by_tenant, manager)},
              {"campaigns", rows_as_json("campaign", report.by_campaign, manager)}};
  answer["manager"] = manager == nullptr ? Json(nullptr) : Json::parse(control::to_json(*manager));
  context.out << answer.dump(2) << "\n";
  return Exit::Done;
}

}  // namespace mailpool::poolctl

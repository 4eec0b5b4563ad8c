#include "core/control/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace mailpool::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t longest_name = 320;  // an address: 64 + 1 + 255
constexpr std::size_t longest_reason = 200;

constexpr std::size_t longest_day = 10;  // "2026-11-21"

constexpr std::array table{
    CommandRow{Command::Status, "status", "[NAME]",
               "does mail flow, what waits, and why; NAME in full", Naming::Optional, false},
    CommandRow{Command::Connections, "connections", "[SITE]", "a row per pooled connection",
               Naming::Optional, false},
    CommandRow{Command::Explain, "explain", "ADDRESS",
               "the way a recipient would take now, and its limits", Naming::Address, false},
    CommandRow{Command::Suspend, "suspend", "SITE --for D --reason TEXT",
               "hold mail of a site, domain, tenant, campaign, all", Naming::SiteOrDomain, true},
    CommandRow{Command::Resume, "resume", "SITE", "end a suspension of these, or --all of them",
               Naming::SiteOrDomain, true},
    CommandRow{Command::Flush, "flush", "SITE", "close the idle connections of a site",
               Naming::Site, true},
    CommandRow{Command::Drain, "drain", "", "take no new mail, finish what is under way",
               Naming::None, true},
    CommandRow{Command::Undrain, "undrain", "", "take mail and IMAP logins again", Naming::None,
               true},
    CommandRow{Command::Reload, "reload", "", "read the configuration file again", Naming::None,
               true},
    CommandRow{Command::Imap, "imap", "[USER]", "the IMAP pools, or all that one USER has there",
               Naming::Optional, false},
    CommandRow{Command::ImapConnections, "imap connections", "",
               "a row per connection to an IMAP server", Naming::None, false},
    CommandRow{Command::ImapFlush, "imap flush", "USER",
               "ask the server again for a user's password", Naming::User, true},
    CommandRow{Command::ImapKill, "imap kill", "ID", "end the loan of a connection and close it",
               Naming::Connection, true},
    CommandRow{Command::ImapPause, "imap pause", "NAME", "let new logins of a profile wait",
               Naming::Profile, true},
    CommandRow{Command::ImapResume, "imap resume", "NAME", "let them go on", Naming::Profile, true},
    CommandRow{Command::Queue, "queue", "", "what waits in the MTA's queue, for what, till when",
               Naming::None, false},
    CommandRow{Command::Check, "check", "", "what is wrong, and the command that mends it",
               Naming::None, false},
    CommandRow{Command::TlsReport, "tls-report", "DOMAIN",
               "how TLS with a domain went, as the JSON of RFC 8460", Naming::Site, false},
};

bool is_clean(std::string_view text, std::size_t most) {
  return text.size() <= most && printable(text, most) == text;
}

// Takes one key of a request after the other; remembers the first thing that is wrong.
class Keys {
 public:
  explicit Keys(Json const& object) : object_(object) {}

  std::string text(char const* key, std::size_t most) {
    auto const* value = take(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return complain(key, "is not a string"), std::string();
    auto const& text = value->get_ref<std::string const&>();
    if (!is_clean(text, most))
      complain(key, fmt::format("has control characters or more than {} octets", most));
    return text;
  }
  std::uint64_t number(char const* key, std::uint64_t least, std::uint64_t most,
                       std::uint64_t usual) {
    auto const* value = take(key);
    if (value == nullptr) return usual;
    auto const n = value->is_number_unsigned() ? value->get<std::uint64_t>() : 0;
    if (!value->is_number_unsigned() || n < least || n > most)
      complain(key, fmt::format("is not a whole number from {} to {}", least, most));
    return n;
  }
  bool flag(char const* key) {
    auto const* value = take(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) return complain(key, "is not true or false"), false;
    return value->get<bool>();
  }
  void finish() {
    if (taken_ == object_.size()) return;
    for (auto const& [key, value] : object_.items())
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        return complain(printable(key, 40), "means nothing to this version, or to this command");
  }
  void complain(std::string_view key, std::string_view what) {
    if (wrong_.empty()) wrong_ = fmt::format("\"{}\" {}", key, what);
  }
  [[nodiscard]] std::string const& wrong() const { return wrong_; }

 private:
  Json const* take(char const* key) {
    known_.emplace_back(key);
    auto const found = object_.find(key);
    if (found == object_.end()) return nullptr;
    ++taken_;
    return &*found;
  }

  Json const& object_;
  std::size_t taken_ = 0;
  std::vector<std::string> known_;
  std::string wrong_;
};

bool shows_rows(Command command) {
  return command == Command::Status || command == Command::Connections ||
         command == Command::Queue || command == Command::Imap ||
         command == Command::ImapConnections;
}

void read_arguments(Keys& keys, CommandRow const& row, Request& request) {
  if (row.naming != Naming::None) request.name = keys.text("name", longest_name);
  if (row.naming == Naming::SiteOrDomain) {
    request.is_domain = keys.flag("domain");
    request.is_tenant = keys.flag("tenant");
    request.is_all = keys.flag("all");
    if (request.is_domain && request.is_tenant) keys.complain("tenant", "excludes domain");
    if (request.is_all && (request.is_domain || request.is_tenant || !request.name.empty()))
      keys.complain("all", "excludes a name");
  }
  if (row.command == Command::Resume || row.command == Command::Suspend) {
    request.scope = keys.text("scope", longest_name);
    if (!request.scope.empty() && (request.is_domain || request.is_tenant || request.is_all))
      keys.complain("scope", "is of a site");
    if (request.scope == "total" && !request.name.empty())
      keys.complain("scope", "total is of all sites");
  }
  if (row.command == Command::Explain) {
    request.sender = keys.text("sender", longest_name);
    request.tenant = keys.text("tenant", longest_name);
    request.campaign = keys.text("campaign", longest_name);
  }
  bool const needs_no_name = request.is_all || !request.scope.empty();
  if (row.naming != Naming::None && row.naming != Naming::Optional && request.name.empty() &&
      !needs_no_name)
    keys.complain("name", "is missing");
  if (row.command == Command::Suspend) {
    auto const longest = std::chrono::duration_cast<std::chrono::seconds>(longest_suspension);
    request.how_long =
        std::chrono::seconds(keys.number("for", 1, static_cast<std::uint64_t>(longest.count()), 0));
    request.reason = keys.text("reason", longest_reason);
    if (request.how_long == Duration::zero()) keys.complain("for", "is missing");
    if (trimmed(request.reason).empty()) keys.complain("reason", "is missing");
  }
  if (row.command == Command::Queue) {
    request.is_list = keys.flag("list");
    request.after = keys.number("after", 0, std::numeric_limits<std::uint32_t>::max(), 0);
  }
  if (row.command == Command::TlsReport) request.day = keys.text("day", longest_day);
  if (shows_rows(row.command)) request.most = keys.number("most", 1, most_rows, usual_rows);
}

std::string listed(Users const& users, std::uint32_t uid, std::string_view option) {
  return fmt::format("uid {} is not among [control] {}{}", uid, option,
                     users.write.empty() && option == "write_users" ? " (nobody is)" : "");
}

}  // namespace

std::span<CommandRow const> commands() {
  return table;
}

CommandRow const& row_of(Command command) {
  return *std::find_if(table.begin(), table.end(),
                       [&](CommandRow const& row) { return row.command == command; });
}

CommandRow const* find_command(std::string_view word) {
  auto const* found = std::find_if(table.begin(), table.end(),
                                   [&](CommandRow const& row) { return row.word == word; });
  return found == table.end() ? nullptr : found;
}

Result<Request> parse_request(std::string_view line) {
  if (line.size() > longest_request) return failed("the request is longer than 64 KiB");
  auto const object = Json::parse(line.begin(), line.end(), nullptr, false);
  if (object.is_discarded() || !object.is_object()) return failed("the request is no JSON object");
  Keys keys(object);
  if (keys.number("v", 1, 1, 0) != 1)
    return failed("the request is not in version 1 of the protocol, which this mailpoold speaks");
  auto const word = keys.text("command", 40);
  auto const* row = find_command(word);
  if (row == nullptr) return failed(fmt::format("there is no command \"{}\"", printable(word, 40)));
  Request request;
  request.command = row->command;
  read_arguments(keys, *row, request);
  keys.finish();
  if (!keys.wrong().empty()) return failed(fmt::format("{}: {}", row->word, keys.wrong()));
  return request;
}

std::string to_line(Request const& request) {
  auto const& row = row_of(request.command);
  Json object = Json::object();
  object["v"] = 1;
  object["command"] = row.word;
  if (row.naming != Naming::None && !request.name.empty())
    object["name"] = printable(request.name, longest_name);
  if (row.naming == Naming::SiteOrDomain && request.is_domain) object["domain"] = true;
  if (row.naming == Naming::SiteOrDomain && request.is_tenant) object["tenant"] = true;
  if (row.naming == Naming::SiteOrDomain && request.is_all) object["all"] = true;
  if (!request.sender.empty()) object["sender"] = printable(request.sender, longest_name);
  if (!request.tenant.empty()) object["tenant"] = printable(request.tenant, longest_name);
  if (!request.campaign.empty()) object["campaign"] = printable(request.campaign, longest_name);
  if (request.command == Command::Suspend) {
    object["for"] = std::chrono::duration_cast<std::chrono::seconds>(request.how_long).count();
    object["reason"] = printable(request.reason, longest_reason);
  }
  if (!request.scope.empty()) object["scope"] = printable(request.scope, longest_name);
  if (request.is_list) object["list"] = true;
  if (request.after != 0) object["after"] = request.after;
  if (!request.day.empty()) object["day"] = printable(request.day, longest_day);
  if (shows_rows(request.command) && request.most != usual_rows) object["most"] = request.most;
  return object.dump() + "\n";
}

bool may_connect(Users const& users, std::uint32_t uid) {
  return users.read.count(uid) != 0 || users.write.count(uid) != 0 || users.ask.count(uid) != 0;
}

Result<void> may_use(Users const& users, std::uint32_t uid, CommandRow const& row) {
  if (row.changes && users.write.count(uid) == 0)
    return failed(fmt::format("{} needs the right to change: {}", row.word,
                              listed(users, uid, "write_users")));
  if (users.read.count(uid) == 0 && users.write.count(uid) == 0)
    return failed(listed(users, uid, "read_users"));
  return {};
}

}  // namespace mailpool::control

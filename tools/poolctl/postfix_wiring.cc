#include "poolctl/postfix_wiring.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/base/text.h"

namespace mailpool::poolctl {

namespace {

constexpr int oldest_minor = 5;
// Postfix gives a free process to the oldest message whose door is below its window; only while
// there are more processes than the windows of all backlogged doors together does mail of another
// door find one at once. 500 are enough for 25 doors of 20.
constexpr int process_limit = 500;
constexpr int newest_minor = 11;

bool has_element(std::string_view list, std::string_view element) {
  auto const elements = elements_of(list);
  return std::find(elements.begin(), elements.end(), element) != elements.end();
}

bool exists(std::string const& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}

bool is_tested_version(std::string_view version) {
  if (!version.starts_with("3.")) return false;
  version.remove_prefix(2);
  auto const minor = to_number(version.substr(0, version.find_first_of(".-")));
  return minor && *minor >= oldest_minor && *minor <= newest_minor;
}

void check_version(PostfixConfig& postfix, WiringPlan& plan) {
  auto const version = postfix.value("mail_version");
  if (!is_tested_version(version))
    plan.refusals.push_back(
        {fmt::format("Postfix {} was not tried with the table; 3.5 to 3.11 were", version),
         "poolctl postfix enable --simple"});
}

void check_table(PostfixConfig& postfix, WiringPlan& plan) {
  auto const types = postfix.table_types();
  if (std::find(types.begin(), types.end(), "mailpool") == types.end()) {
    plan.refusals.push_back({"Postfix has no table type mailpool", "apt install postfix-mailpool"});
    return;
  }
  // A shared object that cannot be loaded would end trivial-rewrite again and again: better to see
  // it here.
  auto const tried = postfix.ask("postmap", {"-q", "example.com", mailpool_table});
  if (tried.errors.find("fatal") != std::string::npos)
    plan.refusals.push_back({fmt::format("the table cannot be opened: {}", trimmed(tried.errors)),
                             "apt install --reinstall postfix-mailpool"});
}

void check_directory(PostfixConfig& postfix, WiringPlan& plan) {
  auto const folder = postfix.value("queue_directory") + "/mailpool";
  if (!exists(folder))
    plan.refusals.push_back({fmt::format("{} does not exist", folder),
                             "systemd-tmpfiles --create postfix-mailpool.conf"});
  else if (!exists(folder + "/lmtp.sock"))
    plan.warnings.push_back({fmt::format("nobody listens on {}/lmtp.sock", folder),
                             "systemctl restart mailpool.socket"});
}

// "[relay.example]:587" as [route] writes it.
std::string host_of_relay(std::string relay) {
  std::erase_if(relay, [](char c) { return c == '[' || c == ']'; });
  auto const colon = relay.rfind(':');
  return colon == std::string::npos ? relay + ":25" : relay;
}

// What names a next hop for all mail would be overruled by the table, or would overrule
// default_transport.
void check_next_hops(PostfixConfig& postfix, WiringMode mode, WiringPlan& plan) {
  if (auto const value = postfix.value("relayhost"); !value.empty())
    plan.refusals.push_back(
        {fmt::format("relayhost = {}: mail goes to that host, not to its destinations", value),
         fmt::format("for mail to go on going there: [route] \"*\" = [\"{}\"] in "
                     "/etc/mailpool/conf.d/route.toml, poolctl reload, and only then: postconf -e "
                     "'relayhost ='",
                     host_of_relay(value))});
  if (auto const value = postfix.value("sender_dependent_relayhost_maps"); !value.empty())
    plan.refusals.push_back(
        {fmt::format("sender_dependent_relayhost_maps = {}: mail of these senders goes to other "
                     "hosts, which the pool knows nothing of",
                     value),
         "leave Postfix as it is; or, for mail to go to its destinations instead: postconf -e "
         "'sender_dependent_relayhost_maps ='"});
  auto const by_sender = postfix.value("sender_dependent_default_transport_maps");
  if (!by_sender.empty())
    plan.refusals.push_back({fmt::format("sender_dependent_default_transport_maps = {}: transports "
                                         "by sender and by pool exclude each other",
                                         by_sender),
                             "postconf -e 'sender_dependent_default_transport_maps ='"});
  auto const transport = postfix.value("default_transport");
  bool const is_ours = transport == simple_transport;
  if (mode == WiringMode::Table && transport != "smtp" && transport != "smtp:" && !is_ours)
    plan.warnings.push_back(
        {fmt::format("default_transport = {}: only mail that bypasses the pool goes there now",
                     transport),
         "poolctl postfix disable"});
  for (std::string const name : {"transport_maps", "default_transport", "relayhost"})
    for (auto const& line : postfix.overrides(name))
      plan.warnings.push_back(
          {fmt::format("master.cf overrides {}: {}", name, line), "postconf -PX"});
}

// "*" is asked for before any domain, but loses to every answer: the table would win over it for
// all domains.
void check_wildcard(PostfixConfig& postfix, WiringPlan& plan) {
  for (auto const& table : elements_of(postfix.expanded("transport_maps"))) {
    if (table == mailpool_table) continue;
    std::string const answer(trimmed(postfix.ask("postmap", {"-q", "*", table}).output));
    if (!answer.empty() && std::string_view(table).find("static:") != 0)
      plan.refusals.push_back(
          {fmt::format("{} has an entry for \"*\" ({}): the pool would take its mail", table,
                       answer),
           fmt::format("remove that entry, or name the domains that it is for")});
  }
}

// Address probes must reach the real servers: the pool answers a recipient only after the message.
void plan_probes(PostfixConfig& postfix, WiringMode mode, std::string const& tables,
                 WiringPlan& plan) {
  auto const transport = postfix.value("default_transport");
  auto const probes = postfix.value("address_verify_default_transport");
  if (probes == "$default_transport")
    plan.parameters.push_back(
        {"address_verify_default_transport", transport == simple_transport ? "smtp" : transport});
  if (mode == WiringMode::Table &&
      postfix.value("address_verify_transport_maps") == "$transport_maps")
    plan.parameters.push_back({"address_verify_transport_maps", tables});
}

// "mailpool/unix": the name in front, which is that of the transport.
std::string transport_of(std::string const& service) {
  return service.substr(0, service.find('/'));
}

// The table answers the service for mail that waits; without the table nobody does.
std::vector<std::string> services_of(WiringMode mode) {
  if (mode == WiringMode::Simple) return {mailpool_service};
  return {mailpool_service, backlog_service};
}

void plan_limits(PostfixConfig& postfix, WiringMode mode, WiringPlan& plan) {
  std::pair<char const*, char const*> const limits[] = {
      {"destination_concurrency_limit", "20"},
      {"initial_destination_concurrency", "10"},
      {"destination_recipient_limit", "50"},
      // The pool's "not now" is meant for one message; it must not suspend a whole door.
      {"destination_concurrency_failed_cohort_limit", "0"},
  };
  auto const known = plan.parameters.size();
  for (auto const& service : services_of(mode))
    for (auto const& [option, value] : limits) {
      auto name = fmt::format("{}_{}", transport_of(service), option);
      if (postfix.set_value(name)) continue;
      // What an operator has set for one service counts for the other too.
      auto const of_other = postfix.set_value(fmt::format("mailpool_{}", option));
      plan.parameters.push_back({std::move(name), of_other.value_or(value)});
    }
  if (plan.parameters.size() == known) return;
  plan.reasons.emplace_back(
      "at most 20 deliveries for one door at once, 50 recipients in each: what cannot begin soon "
      "is answered at once and waits in the queue, so more would use no limit better; a 451 for "
      "one message says nothing of the others of its door, so none suspends it (cohort limit 0)");
}

// Nothing: there is none, or Postfix does not say.
std::optional<std::uint64_t> limit_of_processes(PostfixConfig& postfix,
                                                std::string const& service = mailpool_service) {
  auto limit = postfix.field(service + "/process_limit");
  if (limit.empty() || limit == "-") limit = postfix.value("default_process_limit");
  auto const number = to_number(limit);
  if (!number || *number == 0) return std::nullopt;
  return *number;
}

// Of installations that were wired when enable still set 100.
void check_process_limit(PostfixConfig& postfix, std::string const& service, WiringPlan& plan) {
  auto const number = limit_of_processes(postfix, service);
  if (!number || *number >= process_limit) return;
  plan.warnings.push_back(
      {fmt::format("the service {} has {} processes: a few providers with a backlog can take all "
                   "of them, and other mail waits behind theirs",
                   transport_of(service), *number),
       fmt::format("postconf -F {}/process_limit={} && postfix reload", service, process_limit)});
}

// While a door has a backlog lmtp(8) hands its connection to scache(8) after each message: one
// process for all of them, which each waits for up to 5 s (connection_cache_protocol_timeout), for
// what a new connection to a local socket gives in a fraction of a millisecond.
constexpr auto cache_option = "lmtp_connection_cache_on_demand";

// Of installations that were wired when enable did not set it.
void check_connection_cache(PostfixConfig& postfix, std::string const& service, WiringPlan& plan) {
  auto const line = fmt::format("{}/{} = no", service, cache_option);
  auto const overrides = postfix.overrides(cache_option);
  if (std::find(overrides.begin(), overrides.end(), line) != overrides.end()) return;
  if (overrides.empty() && postfix.value(cache_option) == "no") return;
  plan.warnings.push_back(
      {fmt::format("{} of the service {} is not \"no\": while mail waits all deliveries pass their "
                   "connections through one process, scache, and wait for it up to 5 s",
                   cache_option, transport_of(service)),
       fmt::format("postconf -P {}/{}=no && postfix reload", service, cache_option)});
}

std::vector<std::string> overrides_of(PostfixConfig& postfix, std::string const& service) {
  std::vector<std::string> found;
  for (auto const& line : postfix.overrides("*", service)) {
    auto const equals = line.find(" = ");
    if (equals != std::string::npos && line.starts_with(service + "/"))
      found.push_back(fmt::format("{}={}",
                                  line.substr(service.size() + 1, equals - service.size() - 1),
                                  line.substr(equals + 3)));
  }
  return found;
}

std::vector<std::string> usual_overrides() {
  std::vector<std::string> overrides{
      "syslog_name=postfix/mailpool", "lmtp_send_xforward_command=yes",
      "lmtp_data_done_timeout=1800s", "lmtp_line_length_limit=0",
      "lmtp_tls_security_level=none", fmt::format("{}=no", cache_option),
  };
  // What smtp(8) would have done to this mail, lmtp(8) does under other names.
  for (std::string const what : {"generic_maps", "header_checks", "mime_header_checks",
                                 "nested_header_checks", "body_checks"})
    overrides.push_back(fmt::format("lmtp_{}=$smtp_{}", what, what));
  return overrides;
}

void add_service(PostfixConfig& postfix, std::string const& service, WiringPlan& plan) {
  bool const is_like_ours = service != mailpool_service && postfix.has_service(mailpool_service);
  auto const chroot = postfix.field(is_like_ours ? std::string(mailpool_service) + "/chroot"
                                                 : std::string("lmtp/unix/chroot"));
  auto const limit = is_like_ours ? limit_of_processes(postfix) : std::nullopt;
  plan.services.push_back(
      {service,
       fmt::format("{}={} unix - - {} - {} lmtp", service, transport_of(service),
                   chroot.empty() ? "-" : chroot, limit.value_or(process_limit)),
       is_like_ours ? overrides_of(postfix, mailpool_service) : usual_overrides()});
}

void plan_services(PostfixConfig& postfix, WiringMode mode, WiringPlan& plan) {
  for (auto const& service : services_of(mode)) {
    if (!postfix.has_service(service)) {
      add_service(postfix, service, plan);
    } else {
      check_process_limit(postfix, service, plan);
      check_connection_cache(postfix, service, plan);
    }
  }
  if (plan.services.empty()) return;
  if (mode == WiringMode::Table)
    plan.reasons.push_back(fmt::format(
        "the service {}: the table sends the mail of doors with a backlog there, since Postfix "
        "takes the messages of one service in the order in which they came, over all its doors",
        transport_of(backlog_service)));
  plan.reasons.push_back(fmt::format(
      "{} processes: Postfix gives a free one to the oldest message whose door is below 20, so "
      "mail of another door finds one at once while up to {} doors have a backlog; an idle one "
      "ends by itself, and at most half of them wait in mailpoold ([lmtp] slots)",
      process_limit, process_limit / 20));
  plan.reasons.push_back(fmt::format(
      "{}=no: a new connection to the local socket costs less than the cache, which is one process "
      "for all deliveries while mail waits",
      cache_option));
}

}  // namespace

std::string wired_mode(PostfixConfig& postfix) {
  if (has_element(postfix.expanded("transport_maps"), mailpool_table)) return "table";
  if (postfix.value("default_transport") == simple_transport) return "simple";
  return "";
}

std::optional<Obstacle> too_many_slots(PostfixConfig& postfix, std::uint64_t slots) {
  auto const number = limit_of_processes(postfix);
  if (!number || slots <= *number) return std::nullopt;
  return Obstacle{
      fmt::format("[lmtp] slots = {}, but the service mailpool has {} processes: more than half of "
                  "them can wait in the manager, and other mail behind them",
                  slots, *number),
      fmt::format("[lmtp] slots = {} in mailpool.toml, or more processes; then poolctl reload",
                  *number)};
}

WiringPlan plan_wiring(PostfixConfig& postfix, WiringMode mode) {
  WiringPlan plan;
  auto const tables = postfix.value("transport_maps");
  bool const has_table = has_element(postfix.expanded("transport_maps"), mailpool_table);
  check_next_hops(postfix, mode, plan);
  check_directory(postfix, plan);
  if (mode == WiringMode::Table) {
    check_version(postfix, plan);
    check_table(postfix, plan);
    check_wildcard(postfix, plan);
    plan_limits(postfix, mode, plan);
    plan_services(postfix, mode, plan);
    if (!has_table) {
      plan_probes(postfix, mode, tables, plan);
      plan.parameters.push_back(
          {"transport_maps", tables.empty() ? mailpool_table : tables + ", " + mailpool_table});
    }
    return plan;
  }
  if (has_table)
    plan.refusals.push_back({"transport_maps names the table already", "poolctl postfix disable"});
  plan_limits(postfix, mode, plan);
  plan_services(postfix, mode, plan);
  if (postfix.value("default_transport") != simple_transport) {
    plan_probes(postfix, mode, tables, plan);
    plan.parameters.push_back({"default_transport", simple_transport});
  }
  return plan;
}

}  // namespace mailpool::poolctl

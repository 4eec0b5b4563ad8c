// poolctl postfix status: how Postfix is wired, whether the table works, and what bypassed the
// pool.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "core/base/text.h"
#include "core/map/reader.h"
#include "poolctl/postfix_answer.h"
#include "poolctl/postfix_undo.h"

namespace mailpool::poolctl {

namespace {

constexpr int not_well = 1;
constexpr std::streamoff most_log_octets = 32 << 20;

/// The map, read as the table reads it.
struct MapState {
  std::string trouble = "the map does not exist";  // empty: the manager is here
  double heartbeat_age = 0;
  std::uint64_t generation = 0;
  std::uint32_t entries = 0;
  std::string octets;
  map::Reader reader;
};

double monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Opened as the table opens it: a FIFO in its place must not hold us up.
std::string read_map_file(std::string const& path, std::string& octets) {
  int const file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? "the map does not exist"
                           : fmt::format("the map: {}", std::strerror(errno));
  struct stat facts {};
  auto const most = static_cast<off_t>(sizeof(map::Header) + map::most_body_octets);
  bool const is_usable =
      ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size <= most;
  if (is_usable) {
    octets.resize(static_cast<std::size_t>(facts.st_size));
    ssize_t const size = ::pread(file, octets.data(), octets.size(), 0);
    octets.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  ::close(file);
  return is_usable ? "" : "the map is not a regular file of a possible size";
}

void judge_map(MapState& state, std::string const& path) {
  state.trouble = read_map_file(path, state.octets);
  if (!state.trouble.empty()) return;
  map::Header header{};
  auto const fault = map::read_header(state.octets, header);
  if (fault != map::HeaderFault::None ||
      !state.reader.open(header, std::string_view(state.octets).substr(sizeof header))) {
    state.trouble = fmt::format(
        "the map is {}",
        map::name_of(fault == map::HeaderFault::None ? map::HeaderFault::Damaged : fault));
    return;
  }
  double const now = monotonic_seconds();
  state.heartbeat_age = now - static_cast<double>(header.heartbeat_ns) / 1e9;
  state.generation = header.generation;
  state.entries = state.reader.entry_count();
  switch (map::presence_of(header, static_cast<std::int64_t>(now * 1e9))) {
    case map::Presence::Here:
      break;
    case map::Presence::Draining:
      state.trouble = "the manager is draining";
      break;
    case map::Presence::Stale:
      state.trouble = fmt::format("the last heartbeat is {:.0f} s old", state.heartbeat_age);
      break;
    case map::Presence::FromTheFuture:
      state.trouble = "the heartbeat is from the future";
      break;
  }
}

/// Deliveries in Postfix's log, by the two transports.
struct Deliveries {
  std::string log;  // empty: none was found
  std::string since;
  std::uint64_t pooled = 0;
  std::uint64_t bypassed = 0;  // by smtp, to domains that have a door
};

std::string_view recipient_domain(std::string_view line) {
  auto const start = line.find(" to=<");
  if (start == std::string_view::npos) return {};
  auto const end = line.find('>', start);
  if (end == std::string_view::npos) return {};
  auto const address = line.substr(start + 5, end - start - 5);
  return address.substr(address.rfind('@') + 1);
}

void count_line(std::string_view line, map::Reader const& reader, Deliveries& counts) {
  if (line.find(" status=sent ") == std::string_view::npos) return;
  if (line.find("postfix/mailpool/lmtp[") != std::string_view::npos) ++counts.pooled;
  // relay_domains and address probes log as postfix/relay/smtp and without a "sent".
  if (line.find("postfix/smtp[") == std::string_view::npos) return;
  map::FoldedDomain const domain(recipient_domain(line));
  if (!reader.has_map() || map::decide(reader, true, domain.view()).is_found()) ++counts.bypassed;
}

void count_lines(std::istream& lines, map::Reader const& reader, Deliveries& counts) {
  std::string line;
  while (std::getline(lines, line)) {
    if (counts.since.empty())
      counts.since = printable(std::string_view(line).substr(0, line.starts_with("2") ? 19 : 15));
    count_line(line, reader, counts);
  }
}

// A Debian without rsyslog has mail's log in the journal alone.
Deliveries count_in_journal(CommandRunner& runner, map::Reader const& reader) {
  Deliveries counts;
  auto const journal = runner.run({"journalctl", "-q", "-o", "short", "--since", "-1d", "-t",
                                   "postfix/smtp", "-t", "postfix/mailpool/lmtp"});
  if (journal.exit_code != 0 || journal.output.empty()) return counts;
  counts.log = "the journal";
  std::istringstream lines(journal.output);
  count_lines(lines, reader, counts);
  return counts;
}

Deliveries count_deliveries(PostfixConfig& postfix, CommandRunner& runner, std::string log,
                            map::Reader const& reader) {
  if (log.empty()) log = postfix.value("maillog_file");
  if (log.empty()) log = "/var/log/mail.log";
  std::ifstream file(log, std::ios::binary | std::ios::ate);
  if (!file) return count_in_journal(runner, reader);
  Deliveries counts;
  counts.log = log;
  std::streamoff const size = file.tellg();
  file.seekg(size > most_log_octets ? size - most_log_octets : 0);
  if (std::string cut; size > most_log_octets) std::getline(file, cut);
  count_lines(file, reader, counts);
  return counts;
}

std::vector<Obstacle> changed_since_enable(PostfixConfig& postfix) {
  std::vector<Obstacle> findings;
  auto const record = PostfixUndo(postfix.directory()).read();
  if (!record) return findings;
  for (auto const& [name, before, after] : record->parameters)
    if (auto const now = postfix.set_value(name); now != after)
      findings.push_back({fmt::format("{} was changed since enable: now \"{}\", then \"{}\"", name,
                                      now.value_or("(not set)"), after),
                          fmt::format("postconf -e '{} = {}'", name, after)});
  return findings;
}

std::vector<Obstacle> findings_of(PostfixConfig& postfix, std::string const& mode,
                                  std::string const& map_trouble) {
  if (mode.empty())
    return {{"Postfix does not deliver through mailpool", "poolctl postfix enable"}};
  auto findings = changed_since_enable(postfix);
  auto const plan = plan_wiring(postfix, mode == "table" ? WiringMode::Table : WiringMode::Simple);
  for (auto const& list : {plan.refusals, plan.warnings})
    findings.insert(findings.end(), list.begin(), list.end());
  if (!plan.is_done_already())
    findings.push_back(
        {"something that enable sets is not set",
         mode == "table" ? "poolctl postfix enable" : "poolctl postfix enable --simple"});
  if (mode == "table" && !map_trouble.empty())
    findings.push_back(
        {fmt::format("the manager is away ({}): mail takes its fallback", map_trouble),
         "systemctl status mailpool"});
  return findings;
}

}  // namespace

int postfix_status(PostfixOptions const& options, CommandRunner& runner, Printer const& print) {
  PostfixConfig postfix(runner, options.config_directory, true, [](std::string const&) {});
  if (!is_there(postfix, print)) return no_postfix;
  auto const mode = wired_mode(postfix);
  auto const map_path = postfix.value("queue_directory") + "/mailpool/map";
  MapState state;
  judge_map(state, map_path);
  auto const findings = findings_of(postfix, mode, state.trouble);
  auto const counts = count_deliveries(postfix, runner, options.log_file, state.reader);
  auto const version = postfix.value("mail_version");

  if (options.is_json) {
    auto list = nlohmann::ordered_json::array();
    for (auto const& [what, mend] : findings)
      list.push_back({{"what", printable(what)}, {"mend", printable(mend)}});
    nlohmann::ordered_json const answer{
        {"postfix", version},
        {"mode", mode.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(mode)},
        {"map",
         {{"path", map_path},
          {"state", state.trouble.empty() ? "open" : "away"},
          {"trouble", state.trouble.empty() ? nlohmann::ordered_json()
                                            : nlohmann::ordered_json(state.trouble)},
          {"heartbeat_age", state.heartbeat_age},
          {"generation", state.generation},
          {"domains", state.entries}}},
        {"deliveries",
         {{"log", counts.log},
          {"since", counts.since},
          {"pooled", counts.pooled},
          {"bypassed", counts.bypassed}}},
        {"findings", list}};
    print.line(text_of(answer));
    return findings.empty() ? 0 : not_well;
  }
  print.line(
      fmt::format("Postfix      {}, {}", version, mode.empty() ? "not wired" : "wired by " + mode));
  print.line(fmt::format("map          {}",
                         state.trouble.empty()
                             ? fmt::format("open, heartbeat {:.1f} s ago, known domains: {}",
                                           state.heartbeat_age, state.entries)
                             : "away: " + state.trouble));
  if (counts.log.empty())
    print.line("deliveries   neither a log file nor the journal has any (--log FILE names one)");
  else
    print.line(fmt::format("deliveries   {} through the pool, {} past it, since {} in {}",
                           counts.pooled, counts.bypassed, counts.since, counts.log));
  for (auto const& [what, mend] : findings)
    print.line(fmt::format("finding      {}\n  mend:      {}", what, mend));
  if (findings.empty()) print.line("all well");
  return findings.empty() ? 0 : not_well;
}

}  // namespace mailpool::poolctl

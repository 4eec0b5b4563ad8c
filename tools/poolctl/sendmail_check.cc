// Each rule of `poolctl sendmail check` is a function of its own.

#include "poolctl/sendmail_check.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace mailpool::poolctl {

namespace {

using control::Finding;
using Level = Finding::Level;
using Findings = std::vector<Finding>;

constexpr char const* how_to = "poolctl sendmail snippet";
constexpr char const* remake = "then: make -C /etc/mail && systemctl restart sendmail";

void add(Findings& findings, Level level, std::string text, std::string mend = {}) {
  findings.push_back({level, "sendmail", std::move(text), std::move(mend)});
}

std::uint32_t number(std::string const& text, std::uint32_t otherwise) {
  std::uint32_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void judge_mailer(Findings& findings, Equates const& mailer) {
  auto const value = [&](char letter) {
    auto const known = mailer.find(letter);
    return known != mailer.end() ? known->second : std::string();
  };
  if (value('P') != "[IPC]" || socket_of(mailer).empty())
    add(findings, Level::Mistake,
        "the mailer does not speak to a Unix socket (P=[IPC], A=FILE PATH)", how_to);
  auto const flags = value('F');
  if (flags.find('z') == std::string::npos)
    add(findings, Level::Mistake,
        "the mailer lacks the flag z: it would speak SMTP, and mailpoold speaks LMTP", how_to);
  if (flags.find('m') == std::string::npos)
    add(findings, Level::Warning,
        "the mailer lacks the flag m: a message to several recipients is sent once for each",
        "remove the change of MAILPOOL_MAILER_FLAGS");
}

void judge_use(Findings& findings, SendmailConfig const& config) {
  auto const used = config.is_used.find("mailpool");
  if (used == config.is_used.end())
    add(findings, Level::Note,
        "no rule sends mail to the mailer: only a mailertable can, one domain at a time",
        "FEATURE(`mailpool')dnl above the MAILER lines of sendmail.mc, " + std::string(remake));
}

/// What Sendmail remembers of a host that failed: to it every domain is at one host, the socket.
void judge_memory(Findings& findings, SendmailConfig const& config, Equates const& mailer) {
  auto const flags = mailer.find('F');
  bool const ignores = flags != mailer.end() && flags->second.find('W') != std::string::npos;
  if (!config.option("HostStatusDirectory", "").empty() && !ignores)
    add(findings, Level::Mistake,
        "HostStatusDirectory is set: one failure of the socket stops the mail of all domains, in "
        "all processes",
        "undefine(`confHOST_STATUS_DIRECTORY')dnl in sendmail.mc, " + std::string(remake));
  auto const single = config.option("SingleThreadDelivery", "False");
  if (!single.empty() && (single.front() == 'T' || single.front() == 't'))
    add(findings, Level::Mistake,
        "SingleThreadDelivery is on: all domains have one host, so one message would go at a time",
        "define(`confSINGLE_THREAD_DELIVERY', `False')dnl in sendmail.mc, " + std::string(remake));
  if (number(config.option("ConnectionCacheSize", "2"), 2) == 0)
    add(findings, Level::Warning,
        "ConnectionCacheSize is 0: each message of a queue run opens its own LMTP connection",
        "define(`confMCI_CACHE_SIZE', `1')dnl in sendmail.mc, " + std::string(remake));
}

void judge_runners(Findings& findings, SendmailConfig const& config, Equates const& mailer,
                   HeldUp const& one_domain) {
  auto const name = config.queue_group_of(mailer);
  Equates group;
  if (auto const known = config.queue_groups.find(name); known != config.queue_groups.end())
    group = known->second;
  else if (name != "mqueue")
    add(findings, Level::Mistake, fmt::format("the mailer's queue group {} does not exist", name),
        fmt::format("QUEUE_GROUP(`{}', ...)dnl in sendmail.mc, {}", name, remake));
  auto const runners =
      number(group.contains('R') ? group['R'] : config.option("MaxRunnersPerQueue", "1"), 1);
  if (runners > 1 && group['F'].find('f') == std::string::npos)
    add(findings, Level::Warning,
        fmt::format("queue group {} has {} runners and not the flag f: they run one after the "
                    "other",
                    name, runners),
        fmt::format("QUEUE_GROUP(`{}', `..., F=f, R={}')dnl in sendmail.mc, {}", name, runners,
                    remake));
  if (runners <= one_domain.runners())
    add(findings, Level::Warning,
        fmt::format("a queue run of group {} has runners: {}, and one slow domain can hold up {} "
                    "([smtp] max_connections = {} and max_waiting = {})",
                    name, runners, one_domain.runners(), one_domain.max_connections,
                    one_domain.max_waiting),
        "FEATURE(`mailpool') with 30 runners, and [smtp] max_connections = 10, max_waiting = 10 in "
        "mailpool.toml");
}

/// mailpoold may need 15 minutes for a message: 5 up to the commit point, 10 for the last reply.
void judge_timeouts(Findings& findings, SendmailConfig const& config) {
  constexpr long longest_delivery = 900;
  auto const seconds = sendmail_seconds(config.option("Timeout.datafinal", "1h"));
  if (!seconds || *seconds < longest_delivery)
    add(findings, Level::Mistake,
        fmt::format("Timeout.datafinal is {}: Sendmail gives up while mailpoold still waits for a "
                    "server's reply, and the message may be delivered twice",
                    config.option("Timeout.datafinal", "1h")),
        "define(`confTO_DATAFINAL', `1h')dnl in sendmail.mc, " + std::string(remake));
}

void judge_directory(Findings& findings, std::string const& directory) {
  struct stat facts {};
  if (::lstat(directory.c_str(), &facts) != 0) return;  // the socket's own finding says it
  if (S_ISLNK(facts.st_mode))
    add(findings, Level::Mistake,
        directory + " is a symbolic link: Sendmail refuses the way to the socket",
        "name the real path in FEATURE(`mailpool', `PATH')");
  else if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    add(findings, Level::Mistake,
        directory + " can be written by its group or by others: Sendmail refuses a socket in it",
        "chmod go-w " + directory);
}

}  // namespace

Findings judge_sendmail(SendmailConfig const& config, HeldUp const& one_domain) {
  Findings findings;
  auto const mailer = config.mailers.find("mailpool");
  if (mailer == config.mailers.end()) {
    add(findings, Level::Mistake, "Sendmail has no mailer mailpool: nothing goes through the pool",
        how_to);
    return findings;
  }
  judge_mailer(findings, mailer->second);
  judge_use(findings, config);
  judge_memory(findings, config, mailer->second);
  judge_runners(findings, config, mailer->second, one_domain);
  judge_timeouts(findings, config);
  return findings;
}

Findings judge_socket_for_sendmail(std::string const& path) {
  Findings findings;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path)) {
    add(findings, Level::Mistake,
        fmt::format("\"{}\" is not the absolute path of a socket, shorter than {} octets", path,
                    sizeof(sockaddr_un::sun_path)),
        how_to);
    return findings;
  }
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0)
    add(findings, Level::Mistake,
        fmt::format("{}: {}; Sendmail calls that an \"unsafe domain socket\" and defers all mail",
                    path, std::strerror(errno)),
        "systemctl start mailpool, or see [lmtp] listen in mailpool.toml");
  else if (S_ISLNK(facts.st_mode))
    add(findings, Level::Mistake,
        path + " is a symbolic link: Sendmail defers all mail (\"Symbolic links not allowed\")",
        "name the socket itself in FEATURE(`mailpool', `PATH')");
  else if (!S_ISSOCK(facts.st_mode))
    add(findings, Level::Mistake, path + " is not a socket", "see [lmtp] listen in mailpool.toml");
  else if (facts.st_nlink > 1)
    add(findings, Level::Mistake, path + " has a second name: Sendmail refuses hard links",
        "remove the other name");
  for (auto end = path.rfind('/'); end != std::string::npos && end != 0;
       end = path.rfind('/', end - 1))
    judge_directory(findings, path.substr(0, end));
  if (findings.empty()) add(findings, Level::Good, path + " is a socket that Sendmail accepts");
  return findings;
}

}  // namespace mailpool::poolctl

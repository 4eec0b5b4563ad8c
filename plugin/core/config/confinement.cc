#include "core/config/confinement.h"

#include <fmt/format.h>

#include "core/config/settings.h"

namespace mailpool {
namespace {

constexpr auto head =
    R"(# What the manager may touch. Written by tools/generate from plugin/core/config/confinement.cc: change it there. What
# a host's own configuration names elsewhere (a log file, a certificate, sockets) goes into local/usr.sbin.mailpoold.
abi <abi/3.0>,

include <tunables/global>

profile mailpoold /usr/sbin/mailpoold {
  include <abstractions/base>
  include <abstractions/nameservice>
  include <abstractions/openssl>
  include <abstractions/ssl_certs>
  include <abstractions/ssl_keys>

  network inet stream,
  network inet dgram,
  network inet6 stream,
  network inet6 dgram,

  # mailpoold --check of root looks as the service's user.
  capability setuid,
  capability setgid,
  network netlink raw,
  network unix stream,
  network unix dgram,

  # A token_command that takes too long is ended with all its children.
  signal send peer=mailpoold//token_command,
)";

// A program of the operator's choice, which may be a script with an interpreter and helpers: it
// gets the network, programs and libraries, and what stands in /etc/mailpool, but not the manager's
// files and sockets.
constexpr auto tail = R"(
  profile token_command {
    include <abstractions/base>
    include <abstractions/consoles>
    include <abstractions/nameservice>
    include <abstractions/openssl>
    include <abstractions/ssl_certs>

    network inet stream,
    network inet dgram,
    network inet6 stream,
    network inet6 dgram,

    signal receive peer=mailpoold,

    /etc/** r,
    /etc/mailpool/** rix,
    /{usr/,}{bin,sbin}/** rix,
    /usr/local/{bin,sbin,lib,share}/** rmix,
    /usr/{lib,libexec,share}/** rmix,
    owner /tmp/** rwk,
    owner /var/tmp/** rwk,
    owner @{PROC}/@{pid}/{fd/,maps,mounts,stat,status} r,

    include if exists <local/usr.sbin.mailpoold-token_command>
  }

  include if exists <local/usr.sbin.mailpoold>
}
)";

std::string directory_of(std::string const& path) {
  return path.substr(0, path.rfind('/') + 1);
}

/// A socket that mailpoold opens by itself has a lock beside it.
FileRule sockets_in(std::string const& directory) {
  return {directory + "*.sock{,.lock}", "rwk"};
}

FileRules of_postfix(std::string const& map) {
  auto const place = directory_of(map);
  auto const queue = directory_of(place.substr(0, place.size() - 1));
  return {
      "Postfix's queue directory: the map, the doors and the socket; what wakes and lists mail.",
      {{place, "r"},
       {map + "{,.new}", "rwk"},
       {place + "d/", "rw"},
       {place + "d/*", "rwl"},
       sockets_in(place),
       {queue + "public/", "r"},
       {queue + "public/{flush,showq}", "rw"}}};
}

}  // namespace

std::vector<FileRules> files_of_mailpoold() {
  Settings const defaults;
  auto const state = defaults.state_dir;
  auto const sockets = directory_of(defaults.control.listen);
  return {
      {"The program, its configuration and what that includes; passwords and keys beside it.",
       {{"/usr/sbin/mailpoold", "mr"}, {"/etc/mailpool/", "r"}, {"/etc/mailpool/**", "r"}}},
      {"Data that comes with the package: classes of replies.", {{"/usr/share/mailpool/**", "r"}}},
      {"Credentials that systemd passes: the seal key, passwords, tokens.",
       {{"/run/credentials/mailpool.service/{,*}", "r"}}},
      {"DNSSEC's trust anchor.", {{defaults.dns.trust_anchor, "r"}}},
      {"mailpoold --check: what the unit lets the service see.",
       {{"/{etc,run,lib,usr/lib}/systemd/system/mailpool.service", "r"},
        {"/{etc,run,lib,usr/lib}/systemd/system/mailpool.service.d/{,*}", "r"}}},
      {"What is learned and decided; large bodies, in files without a name.",
       {{state + "/", "r"},
        {state + "/**", "rwk"},
        {"owner /tmp/**", "rwk"},
        {"owner /var/tmp/**", "rwk"}}},
      {"Log files and events, where [log] to and [events] file name one.",
       {{"/var/log/mailpool/**", "rw"}}},
      of_postfix(defaults.postfix.map),
      {"Sockets that are not systemd's, with their locks.",
       {{sockets, "r"},
        sockets_in(sockets),
        {sockets + "imap/", "r"},
        sockets_in(sockets + "imap/")}},
      {"systemd and the log.",
       {{"/run/systemd/notify", "w"}, {"/run/systemd/journal/{dev-log,socket}", "w"}}},
      {"The machine's state: when it was started, and what this process uses.",
       {{"@{PROC}/sys/kernel/random/boot_id", "r"},
        // Not for the owner alone: those of a process without core dumps belong to root.
        {"@{PROC}/@{pid}/{status,statm,stat,fd/}", "r"}}},
      {"Programs of [login.NAME] token_command, confined below.",
       {{"/etc/mailpool/**", "Cx -> token_command"},
        {"/{usr/,}{bin,sbin}/**", "Cx -> token_command"},
        {"/usr/{lib,libexec}/mailpool/**", "Cx -> token_command"},
        {"/usr/local/{bin,sbin,lib}/**", "Cx -> token_command"}}},
  };
}

std::string apparmor_profile() {
  std::string text = head;
  for (auto const& part : files_of_mailpoold()) {
    text += fmt::format("\n  # {}\n", part.purpose);
    for (auto const& rule : part.rules) text += fmt::format("  {} {},\n", rule.files, rule.access);
  }
  return text + tail;
}

}  // namespace mailpool

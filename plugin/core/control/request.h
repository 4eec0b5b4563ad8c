#pragma once
// The protocol of the control socket: which commands there are, who may use them, and how a request
// is written.
//
// A request is one line of JSON of at most 64 KiB, an answer one line (json.h):
//
//   {"v": 1, "command": "suspend", "name": "google", "for": 3600, "reason": "they asked us to"}
//   {"v": 1, "result": {"done": "google: suspended until 2026-11-21T07:30:00Z"}}
//
// A client may send one request after the other on a connection. A line that is no request is
// answered with an error and ends the connection; nothing else suffers.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/control/actions.h"

namespace mailpool::control {

inline constexpr std::size_t longest_request = 64U << 10U;  ///< octets, with the line end
inline constexpr std::size_t most_rows = 5000;              ///< that one answer may carry
inline constexpr std::size_t usual_rows = 500;
inline constexpr Duration longest_suspension = std::chrono::hours(24 * 365);

enum class Command : std::uint8_t {
  Status,
  Connections,
  Explain,
  Suspend,
  Resume,
  Flush,
  Drain,
  Undrain,
  Reload,
  Queue,
  Check,
  TlsReport,
  Imap,
  ImapConnections,
  ImapFlush,
  ImapKill,
  ImapPause,
  ImapResume,
};

/// What a command needs a name for.
enum class Naming : std::uint8_t {
  None,
  Optional,
  Site,
  /// A site's; with "domain": true a domain's, with "tenant": true a tenant's; with "all": true
  /// none, for all mail.
  SiteOrDomain,
  Address,
  User,        ///< of an IMAP server
  Profile,     ///< an [imap.NAME]
  Connection,  ///< the number of a connection to an IMAP server
};

/// One row of the table that the protocol, the rights, poolctl, its completion and its man page
/// come from.
struct CommandRow {
  Command command;
  std::string_view word;
  std::string_view arguments;  ///< as in a usage line: "[NAME]"
  std::string_view help;       ///< one line, no full stop
  Naming naming;
  bool changes;  ///< needs write_users; else read_users will do
};

[[nodiscard]] std::span<CommandRow const> commands();
[[nodiscard]] CommandRow const& row_of(Command command);
[[nodiscard]] CommandRow const* find_command(std::string_view word);

/// What was asked; fields that the command has no use for are empty.
struct Request {
  Command command = Command::Status;
  std::string name;
  bool is_domain = false;
  Duration how_long{};  ///< of a suspension: whole seconds, 1 s to a year
  std::string reason;   ///< of a suspension: printable, 1 to 200 octets
  std::size_t most = usual_rows;
  std::string day = {};  ///< of a TLS report: "2026-11-21"; "" is today, in UTC
  bool is_tenant = false;
  std::string sender = {};    ///< of explain, perhaps ""
  std::string tenant = {};    ///< likewise
  std::string campaign = {};  ///< likewise
  /// Of resume: "sender_domain example.org", "source west", perhaps ""; without a name "total" too.
  std::string scope = {};
  bool is_list = false;     ///< of queue: messages, page by page
  std::uint64_t after = 0;  ///< of such a list: where this page begins
  bool is_all = false;      ///< of suspend and resume: all mail, without a name
  bool operator==(Request const&) const = default;
};

/// An error says what is wrong with the line; names that cannot be names (control characters, over
/// 320 octets) and keys that this version does not know are errors, since a change must not be
/// half understood.
[[nodiscard]] Result<Request> parse_request(std::string_view line);
/// With its line end; what parse_request reads.
[[nodiscard]] std::string to_line(Request const& request);

/// Who may look, who may change, and who may ask for room (core/admission), as numbers. Those who
/// may change may look.
struct Users {
  std::set<std::uint32_t> read;
  std::set<std::uint32_t> write;
  std::set<std::uint32_t> ask = {};
  std::map<std::uint32_t, std::string> names = {};  ///< of those that have one
  [[nodiscard]] std::string name_of(std::uint32_t uid) const {
    auto const known = names.find(uid);
    return known == names.end() ? std::string() : known->second;
  }
};
[[nodiscard]] bool may_connect(Users const& users, std::uint32_t uid);
/// An error names the option that the user would have to stand in.
[[nodiscard]] Result<void> may_use(Users const& users, std::uint32_t uid, CommandRow const& row);

/// Carries out any command but explain, whose answer may come later. Returns the answer's line.
[[nodiscard]] std::string perform(Request const& request, ControlActions& actions,
                                  Requester const& who);

/// For the log, for every change: who, what, why, and how it ended ("done", or the error).
[[nodiscard]] std::string audit_line(Request const& request, Requester const& who,
                                     std::string_view answer);

}  // namespace mailpool::control

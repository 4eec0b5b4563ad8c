#pragma once
// What an operator can see of the IMAP pools, and do to them.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/control/counted_reason.h"

namespace mailpool::control {

/// Since the start of the manager.
struct ImapCounts {
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t logins_refused = 0;
  /// Connections that were closed instead of kept, by the words of core/imap/discard.h.
  std::vector<CountedReason> discarded;
};

/// One user of one profile.
struct ImapUserStatus {
  std::string profile;
  std::string user;
  std::string authzid;        ///< whom the login acts as, "" for the user itself
  std::string state;          ///< open, paused, backing_off, draining
  std::uint32_t active = 0;   ///< connections lent to programs
  std::uint32_t waiting = 0;  ///< programs
  std::uint32_t idle = 0;
  std::uint32_t resetting = 0;
  std::uint32_t checking = 0;
  std::uint32_t login = 0;  ///< connecting and logging in
  std::uint32_t closing = 0;
  std::uint32_t pool_size = 0;
  Duration longest_wait{};
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t logins_refused = 0;
  /// Connections that were closed instead of kept, by the words of core/imap/discard.h.
  std::vector<CountedReason> discarded;
  std::string last_error;
};

struct ImapServerStatus {
  std::string server;
  std::string state;             ///< open, backing_off
  std::string last_error;        ///< "" when the last connection was made
  WallTime certificate_until{};  ///< of the certificate that it last showed, where it has
};

struct ImapProfileStatus {
  std::string profile;
  std::string state;
  std::vector<ImapServerStatus> servers;
  std::uint32_t clients = 0;
  std::uint32_t max_clients = 0;
  std::uint32_t waiting = 0;
  std::uint32_t connections = 0;
  std::uint32_t max_connections = 0;
  std::uint32_t active = 0;  ///< of its connections, as in ImapUserStatus
  std::uint32_t idle = 0;
  std::uint32_t resetting = 0;
  std::uint32_t checking = 0;
  std::uint32_t login = 0;
  std::uint32_t closing = 0;
  ImapCounts counts;  ///< of all its users, also of those that are not known any more
};

struct ImapStatus {
  std::vector<ImapProfileStatus> profiles;
  std::vector<ImapUserStatus> users;  ///< at most as many as were asked for
  std::uint64_t users_known = 0;
  ImapCounts forgotten;             ///< of dynamic profiles that nobody used any more
  std::uint64_t peers_refused = 0;  ///< not among allow_users
};

struct ImapConnectionStatus {
  std::uint64_t id = 0;
  std::string profile;
  std::string user;
  std::string server;
  std::string address;
  std::string state;  ///< active, idle, resetting, checking, login, closing
  Duration age{};
  Duration in_state{};
  std::uint64_t uses = 0;
  std::uint64_t pid = 0;  ///< of the program that has it, 0 for none or where it is not known
  std::string doing;
};

/// The manager implements it; without IMAP there is none.
class ImapActions {
 public:
  virtual ~ImapActions() = default;
  /// With the users of this name only, or of all.
  virtual ImapStatus imap_status(std::size_t most, std::string const& user) = 0;
  virtual std::vector<ImapConnectionStatus> imap_connections(std::size_t most) = 0;
  /// Forgets that a user's password was good and closes its idle connections.
  virtual Result<std::string> imap_flush(std::string const& user) = 0;
  /// Ends the loan of a connection, by the number that imap_connections() shows, or closes it.
  virtual Result<std::string> imap_kill(std::string const& id) = 0;
  /// New logins of a profile wait, or go on.
  virtual Result<std::string> imap_pause(std::string const& profile) = 0;
  virtual Result<std::string> imap_resume(std::string const& profile) = 0;
};

}  // namespace mailpool::control

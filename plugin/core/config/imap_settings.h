#pragma once
// [imap.NAME]: a pool of authenticated IMAP connections for programs on this host.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mailpool {

enum class ImapTls : std::uint8_t {
  Implicit,  ///< TLS from the first octet, as on port 993
  StartTls,  ///< and nothing without it
  None,      ///< for a server on this host
};
[[nodiscard]] std::string_view name_of(ImapTls tls);

/// A server of a profile: a name or an address without brackets.
struct ImapServer {
  std::string host;
  std::uint16_t port = 993;
  bool operator==(ImapServer const&) const = default;
};

/// [imap.NAME.account]: sockets whose clients are logged in from the start (PREAUTH).
struct ImapAccount {
  std::string user;
  std::string password_file;  ///< its first line is the password
  std::vector<std::string> listen;
  std::vector<std::string> allow_users;

  [[nodiscard]] bool is_configured() const { return !user.empty(); }
  bool operator==(ImapAccount const&) const = default;
};

struct ImapSettings {
  std::string name;
  std::vector<ImapServer> server;  ///< tried in this order
  ImapTls tls = ImapTls::Implicit;
  bool tls_verify = true;
  std::string tls_ca_file;  ///< "": the authorities of [tls]
  std::vector<std::string> listen;
  std::uint32_t socket_mode = 0660;
  std::string socket_group;
  std::vector<std::string> allow_users{"root"};
  std::uint32_t max_clients = 1000;
  std::uint32_t pool_size = 8;  ///< per user
  std::uint32_t max_connections = 100;
  std::uint32_t min_idle = 0;
  std::uint32_t max_waiting = 1000;
  Duration checkout_timeout = std::chrono::seconds(10);
  Duration connect_timeout = std::chrono::seconds(5);
  Duration idle_timeout = std::chrono::minutes(5);
  Duration max_lifetime = std::chrono::minutes(30);
  std::uint32_t max_uses = 0;  ///< 0: no limit
  Duration keepalive = std::chrono::minutes(4);
  Duration check_after = std::chrono::seconds(30);
  Duration check_timeout = std::chrono::seconds(2);
  Duration answer_timeout = std::chrono::minutes(5);
  Duration max_loan_time{};  ///< 0: no limit
  Duration client_timeout = std::chrono::minutes(30);
  Duration reauth_interval = std::chrono::minutes(15);
  Duration reset_timeout = std::chrono::seconds(5);
  std::uint64_t reset_max_bytes = 16U << 20U;
  bool unauthenticate = true;
  ImapAccount account;

  bool operator==(ImapSettings const&) const = default;
};

/// [imap_dynamic]: profiles that programs ask for by the server's name.
struct ImapDynamicSettings {
  std::vector<std::string> listen;  ///< empty: nobody can ask
  std::uint32_t socket_mode = 0660;
  std::string socket_group;
  std::vector<std::string> allow_users{"root"};
  std::vector<std::string> servers;  ///< "imap.example.com:993", "*.example.com:993"
  std::uint32_t max_profiles = 100;
  bool operator==(ImapDynamicSettings const&) const = default;
};

}  // namespace mailpool

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

/// What becomes of ENABLE, which nothing takes back (RFC 5161).
enum class ImapEnable : std::uint8_t {
  Discard,  ///< its connection is not lent again
  Refuse,   ///< it is not offered
};
[[nodiscard]] std::string_view name_of(ImapEnable enable);

/// [imap.NAME.account]: sockets whose clients are logged in from the start (PREAUTH).
struct ImapAccount {
  std::string user;
  std::string password_file;  ///< its first line is the password
  std::string token_file;     ///< instead: its first line is a token
  std::vector<std::string> token_command;
  bool external = false;                       ///< instead: the profile's client certificate
  Duration refresh = std::chrono::minutes(5);  ///< of a token
  Duration command_timeout = std::chrono::seconds(30);  ///< of token_command
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
  std::string tls_ca_file;           ///< "": the authorities of [tls]
  std::string tls_certificate_file;  ///< what the servers are shown; "": nothing
  std::string tls_key_file;
  std::vector<std::string> listen;
  std::uint32_t socket_mode = 0666;  ///< the kernel says who connects: allow_users
  std::string socket_group;
  std::vector<std::string> allow_users{"root"};
  std::uint32_t max_clients = 1000;
  std::uint32_t pool_size = 8;  ///< per user
  std::uint32_t max_connections = 100;
  std::uint32_t min_idle = 0;
  std::uint32_t max_waiting = 1000;
  Duration checkout_timeout = std::chrono::seconds(10);
  Duration connect_timeout = std::chrono::seconds(5);  ///< to the greeting, and TLS
  Duration login_timeout = std::chrono::minutes(1);    ///< from there on
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
  ImapEnable enable = ImapEnable::Discard;
  ImapAccount account;

  bool operator==(ImapSettings const&) const = default;
};

/// [imap_dynamic]: profiles that programs ask for by the server's name. Its own options are what
/// each of them begins with; those of its sockets are of the sockets where they are asked for.
struct ImapDynamicSettings : ImapSettings {
  std::vector<std::string> servers;  ///< "imap.example.com:993", "*.example.com:993"
  std::uint32_t max_profiles = 100;
  bool operator==(ImapDynamicSettings const&) const = default;
};

}  // namespace mailpool

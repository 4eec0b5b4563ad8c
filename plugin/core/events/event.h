#pragma once
// What happened, for machines: one JSON object a line, with "time" and "kind" first.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/config/events_settings.h"
#include "core/message/outcome.h"

namespace mailpool::events {

enum class Kind : std::uint8_t {
  Outcome,               ///< how the delivery to one recipient ended
  ConnectionOpened,      ///< it is ready for mail
  ConnectionClosed,      ///< it was ready, or never became so
  Suspended,             ///< a site, domain, tenant, campaign, source or all mail
  Resumed,               ///< before its time
  AllowanceLowered,      ///< a path is to get less, since its site throttled
  AllowanceRaised,       ///< it gets more again
  CapLearned,            ///< of messages on a connection
  RuleActed,             ///< a [[rule]] matched often enough
  LoginRefused,          ///< by a smarthost
  ConfigurationApplied,  ///< at start or by a reload
};
[[nodiscard]] std::string_view name_of(Kind kind);

/// Of a connection's encryption; version is "" for plain text.
struct Tls {
  std::string_view version;
  std::string_view cipher;
  std::string_view proved;  ///< in words: "verified by DANE-EE"
  bool resumed = false;
};

// Everything is borrowed for the call alone; what is "" is left out of the line. Only an outcome
// may tell the local part of an address: reasons quote what servers said, and it is cut out of
// them.

struct OutcomeEvent {
  std::string_view queue_id;
  std::uint64_t size = 0;  ///< octets of the message
  std::string_view recipient;
  std::string_view domain;
  std::string_view sender_domain;
  std::string_view site;
  std::string_view path;  ///< whose limits it counted under: "google/west"; "": several might be
  std::string_view source;
  std::string_view tenant;
  std::string_view campaign;
  std::string_view endpoint;  ///< HOST[IP]:PORT; "": no connection was used
  std::uint32_t use = 0;      ///< of the connection: 1 for its first transaction
  Tls tls;
  Duration delay{};        ///< since mailpool had the message: the sum of the next four
  Duration dns{};          ///< until the hosts of its domain were known
  Duration wait{};         ///< for a turn
  Duration connecting{};   ///< for a connection that was being opened
  Duration transaction{};  ///< on the wire
  Duration connect{};      ///< of the connection, where this was its first use: until connected
  Duration handshake{};    ///< likewise: of TLS
  Outcome const* outcome = nullptr;
  std::string_view reply_class;  ///< what kind of refusal it is (core/replies)
  std::string_view rule;         ///< FILE:LINE of the rule that the reply set off
  bool is_parked = false;        ///< the message goes back to the queue, and will be called back
  bool was_woken = false;        ///< it came because it was called back
};

struct ConnectionEvent {
  std::uint64_t id = 0;
  std::string_view site;
  std::string_view path;
  std::string_view endpoint;
  std::string_view source;
  Tls tls;
  // Opened.
  Duration connect{};    ///< until it was connected
  Duration handshake{};  ///< of TLS
  Duration ready{};      ///< until it was ready for mail
  // Closed.
  std::string_view reason;
  std::uint32_t messages = 0;
  Duration age{};
};

struct SuspensionEvent {
  std::string_view what;  ///< "site", "domain", "tenant", "campaign", "source", "all"
  std::string_view name;
  std::string_view scope;  ///< of a site's mail only that of "source west"
  std::string_view reason;
  std::string_view by;
  Duration remains{};  ///< with is_endless: without meaning
  bool is_endless = false;
};

/// What a path may do now, and because of what.
struct AllowanceEvent {
  std::string_view site;
  std::string_view path;
  std::string_view source;  ///< "": it is the site's own path
  std::string_view rate;    ///< "" for none
  std::uint64_t max_connections = 0;
  std::uint64_t max_messages = 0;  ///< a learned cap; 0 for none
  double level = 1;                ///< of what the options allow
  std::string_view reason;
};

struct RuleEvent {
  std::string_view site;
  std::string_view path;
  std::string_view source;
  std::string_view scope;  ///< "sender_domain example.org", "" for the site itself
  std::string_view rule;   ///< FILE:LINE
  std::string_view action;
  std::string_view reason;
  std::string_view reply;
  Duration lasts{};
};

struct LoginEvent {
  std::string_view login;
  std::string_view endpoint;
  std::string_view reason;
};

struct ConfigurationEvent {
  std::string_view file;
  std::uint64_t warnings = 0;
  bool is_start = false;
};

/// How lines are made.
struct Form {
  EventAddresses addresses = EventAddresses::Full;
  Secret hash_key;  ///< for Hash: whoever lacks it cannot try addresses
};

[[nodiscard]] std::string line_of(OutcomeEvent const& event, Form const& form, WallTime at);
[[nodiscard]] std::string line_of(Kind kind, ConnectionEvent const& event, WallTime at);
[[nodiscard]] std::string line_of(Kind kind, SuspensionEvent const& event, WallTime at);
[[nodiscard]] std::string line_of(Kind kind, AllowanceEvent const& event, WallTime at);
[[nodiscard]] std::string line_of(RuleEvent const& event, WallTime at);
[[nodiscard]] std::string line_of(LoginEvent const& event, WallTime at);
[[nodiscard]] std::string line_of(ConfigurationEvent const& event, WallTime at);

}  // namespace mailpool::events

#pragma once
// What survives a restart: short records by kind and key. The manager keeps them in state_dir
// (SQLite, on a thread of its own); a feature sees only this.
//
// A feature keeps its state in its own memory. At its start it takes the records that were kept
// (take_loaded), and from then on it tells the store what changed. Nothing is ever asked of the
// store while mail flows.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace mailpool::state {

enum class Kind : std::uint8_t {
  Suspension,        ///< of a site, a domain or a tenant, with its reason
  Adaptive,          ///< what a site's allowance has been lowered to
  LearnedCap,        ///< messages that a server takes on one connection
  Counter,           ///< of a site, in this hour and on this day
  TlsMemory,         ///< what is known of an endpoint's TLS
  StsPolicy,         ///< MTA-STS policies (RFC 8461)
  TlsReport,         ///< counts for TLS reports (RFC 8460)
  WarmUp,            ///< messages of a source at a site on this day
  ImapCapabilities,  ///< what an IMAP server offered after the last login
  RateUse,           ///< what was used of a rate by the minute, the hour or the day
  AcceptUse,         ///< the same of an accept_rate
};
inline constexpr std::array kinds{Kind::Suspension, Kind::Adaptive,  Kind::LearnedCap,
                                  Kind::Counter,    Kind::TlsMemory, Kind::StsPolicy,
                                  Kind::TlsReport,  Kind::WarmUp,    Kind::ImapCapabilities,
                                  Kind::RateUse,    Kind::AcceptUse};
/// "suspension", "learned_cap", ...: the word in the database; never changed.
[[nodiscard]] std::string_view name_of(Kind kind);
[[nodiscard]] std::optional<Kind> kind_of(std::string_view name);

/// How long a change may wait before it is written; what a crash may lose.
[[nodiscard]] Duration longest_delay(Kind kind);
/// Records of a kind that are kept; beyond it those that expire first go.
[[nodiscard]] std::size_t most_records(Kind kind);

inline constexpr std::size_t longest_key = 1024;           ///< octets
inline constexpr std::size_t longest_value = 128U * 1024;  ///< octets
/// For what holds until it is taken back.
inline constexpr WallTime no_expiry = WallTime::max();

struct Record {
  std::string key;
  std::string value;
  WallTime expires = no_expiry;
};

class Store {
 public:
  virtual ~Store() = default;

  /// The records of a kind as they were at the start, without the expired ones, in the order of
  /// their keys. Each kind is handed out once: the second call finds nothing.
  [[nodiscard]] virtual std::vector<Record> take_loaded(Kind kind) = 0;
  /// From now on this is the value of `key`. Returns at once; a value or a key that is too long is
  /// not kept. An expired record is gone after the next start, and deleted some time before it.
  virtual void put(Kind kind, std::string key, std::string value, WallTime expires) = 0;
  /// No such record is no mistake.
  virtual void erase(Kind kind, std::string key) = 0;
};

/// Keeps nothing.
class ForgetfulStore final : public Store {
 public:
  [[nodiscard]] std::vector<Record> take_loaded(Kind) override { return {}; }
  void put(Kind, std::string, std::string, WallTime) override {}
  void erase(Kind, std::string) override {}
};

}  // namespace mailpool::state

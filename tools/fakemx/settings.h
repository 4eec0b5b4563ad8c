#pragma once
// What the server allows and announces: by flags at the start, by `set` in a script or on the
// control socket later.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "fakemx/extensions.h"
#include "fakemx/values.h"

namespace mailpool::fakemx {

/// How a server ends a connection that has carried its most messages.
enum class MessagesEnd : std::uint8_t {
  Silent,   ///< FIN behind the reply to the last message
  Code421,  ///< the next MAIL is answered 421
};

/// How a rate is measured.
enum class RateMeasure : std::uint8_t {
  Bucket,  ///< a token bucket that holds one second's worth (at least one) and one more
  Window,  ///< never more than the rate's count within any of its periods
};

/// What one recipient domain allows, each domain that matches for itself.
struct DomainLimit {
  std::string domain_glob;
  Rate rate;
  std::uint64_t max_connections =
      0;  ///< with a transaction for the domain at the same time; 0: any
};

/// All of it can change while the server runs; `rtt` counts for new connections.
struct Settings {
  std::string hostname = "fakemx.example";
  ExtensionSet extensions = ExtensionSet::all();
  std::uint64_t max_size = 50U << 20U;  ///< announced by SIZE; 0: none
  std::uint64_t mail_max = 0;           ///< announced by LIMITS, if not 0
  std::uint64_t rcpt_max = 0;
  Duration rtt{};
  std::string user;  ///< who may log in, by AUTH PLAIN or LOGIN; "": AUTH is not offered
  std::string password;

  std::uint64_t max_connections = 0;  ///< 0: any, here and below
  std::uint64_t max_messages = 0;     ///< per connection
  MessagesEnd max_messages_end = MessagesEnd::Silent;
  /// max_connections and rate are of each client's address by itself, as providers count.
  bool per_client = false;
  Rate rate;
  RateMeasure rate_measure = RateMeasure::Bucket;
  /// A client that writes MAIL later than this after the FIN left had time to see it.
  Duration close_grace = std::chrono::milliseconds(50);
  std::vector<DomainLimit> domain_limits;
};

/// One row of the table from which the flags, `set` and their documentation come.
struct SettingRow {
  std::string_view name;
  std::string_view value;  ///< what stands for the value in the help
  std::string_view help;
  /// False if the value is not of the kind that `value` promises.
  bool (*apply)(Settings& settings, std::string_view value);
};

[[nodiscard]] std::span<SettingRow const> setting_rows();

/// `set NAME VALUE`; fails with what would be right.
[[nodiscard]] Result<void> change(Settings& settings, std::string_view name,
                                  std::string_view value);

}  // namespace mailpool::fakemx

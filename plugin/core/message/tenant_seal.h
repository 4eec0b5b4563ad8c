#pragma once
// The seal that carries a message's tenant and campaign from the milter through the MTA's queue to
// mailpoold: nobody without the key can write one, nor use one for another sender, nor for ever.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"

namespace mailpool {

/// What an application may write itself; no copy of it ever leaves the host.
inline constexpr std::string_view tenant_header = "X-Mailpool-Tenant";
/// What an application may write itself, of what belongs together in its mail; removed likewise.
inline constexpr std::string_view campaign_header = "X-Mailpool-Campaign";
/// What only the milter writes; every copy that comes from outside is deleted.
inline constexpr std::string_view seal_header = "X-Mailpool-Seal";

/// How long a seal is believed: longer than an MTA keeps trying (Postfix and Sendmail: 5 days).
inline constexpr std::chrono::hours seal_lifetime{7 * 24};
/// How far the clocks of two hosts that share a key may be apart.
inline constexpr std::chrono::minutes seal_clock_skew{5};

/// 1 to 64 lower-case letters, digits, dots, hyphens and underscores, the first a letter or digit.
/// A campaign's name is written in the same places, and likewise.
[[nodiscard]] bool is_tenant_name(std::string_view name);

/// What a seal says; "" for what it does not say. Not both are empty.
struct Sealed {
  std::string tenant;
  std::string campaign;
  bool operator==(Sealed const&) const = default;
};

/// The keys of a key file: the first one seals, each of them opens, so that a key can be changed
/// while mail is in the queue. Never empty; their text is never shown.
class SealKeys {
 public:
  /// A key a line, 32 to 256 printable characters each ("openssl rand -hex 32"), at most 8; empty
  /// lines and those that begin with # are skipped. Reasons name the line, never its text.
  static Result<SealKeys> parse(std::string_view file);

  [[nodiscard]] std::string const& newest() const { return keys_.front(); }
  [[nodiscard]] std::vector<std::string> const& all() const { return keys_; }

 private:
  explicit SealKeys(std::vector<std::string> keys) : keys_(std::move(keys)) {}
  std::vector<std::string> keys_;
};

/// The value of the header: "v=1; tenant=shop; time=1763714563; nonce=...; mac=..." where there is
/// a tenant alone, which an older mailpoold reads too; else "v=2; tenant=shop; campaign=spring;
/// ...". The mac is HMAC-SHA256 over version, names, sender, time and nonce; the sender is not told
/// again. At least one must be given, each of them a name; `nonce` is 8 octets or more of
/// randomness.
[[nodiscard]] std::string make_seal(Sealed const& what, std::string_view sender, WallTime now,
                                    std::string_view nonce, SealKeys const& keys);

/// What it says, if the value is of a known version, made with one of the keys for this sender, not
/// older than seal_lifetime and not from the future. Else why not, in words for a log line; none of
/// them helps a forger, since the mac is compared before the time. Takes folded values.
[[nodiscard]] Result<Sealed> open_seal(std::string_view value, std::string_view sender,
                                       WallTime now, SealKeys const& keys);

}  // namespace mailpool

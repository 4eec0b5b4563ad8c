#pragma once
// MTA-STS policies (RFC 8461): the text of a policy, the record that announces it, which hosts it
// names.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"

namespace mailpool::tls {

enum class StsMode : std::uint8_t { None, Testing, Enforce };
[[nodiscard]] std::string_view name_of(StsMode mode);

inline constexpr std::size_t longest_sts_policy = 65'536;  ///< octets
inline constexpr Duration longest_max_age = std::chrono::seconds(31'557'600);

struct StsPolicy {
  StsMode mode = StsMode::None;
  std::vector<std::string> mx;  ///< lower case; "*.example.com" stands for one label
  Duration max_age{};
  std::string id;               ///< of the TXT record that it was fetched for
  bool is_unavailable = false;  ///< mode None: whether there is one could not be found out
  bool operator==(StsPolicy const&) const = default;
};

/// The text of a policy (RFC 8461 3.2), hostile: why it is none, in words.
[[nodiscard]] Result<StsPolicy> parse_sts_policy(std::string_view text);
/// The id of a "v=STSv1; id=...;" record (RFC 8461 3.1); nothing if it is not one.
[[nodiscard]] std::optional<std::string> parse_sts_record(std::string_view text);
/// Of all TXT records at _mta-sts.DOMAIN: the id, if exactly one of them is an STS record.
[[nodiscard]] std::optional<std::string> sts_id_of(std::vector<std::string> const& texts);
/// Whether the policy lists the MX host.
[[nodiscard]] bool lists(StsPolicy const& policy, std::string_view host);

}  // namespace mailpool::tls

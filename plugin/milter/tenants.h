#pragma once
// Whose message it is, and which header names its campaign. Whose: by a header that is believed
// from some clients only, by the SMTP login, or by the client's address.

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/ip.h"
#include "core/config/settings.h"

namespace mailpool::milter {

/// Who hands the message in.
struct Client {
  std::optional<IpAddress> address;  ///< none: not an IP connection
  /// By sendmail(1) and not over SMTP: nobody can be answered recipient by recipient.
  bool is_local_submission = false;
  std::string login;
};

/// Immutable, so that all sessions share it.
class Tenants {
 public:
  explicit Tenants(Settings const& settings);

  /// The headers that may name a tenant, in the order of tenant_from.
  [[nodiscard]] std::vector<std::string> const& headers() const { return headers_; }
  /// The header that names a campaign.
  [[nodiscard]] std::string const& campaign_header() const { return campaign_header_; }
  [[nodiscard]] bool believes_headers_of(Client const& client) const;

  /// The tenant by what is known at RCPT; nothing while a header that has not come yet could still
  /// name another.
  [[nodiscard]] std::optional<std::string> before_headers(Client const& client) const;
  /// The tenant, or "". `named[i]` is what headers()[i] says, "" where there is none.
  [[nodiscard]] std::string with_headers(Client const& client,
                                         std::vector<std::string> const& named) const;

 private:
  enum class Source : std::uint8_t { Header, Login, Client };

  [[nodiscard]] std::string by_login(std::string const& login) const;
  [[nodiscard]] std::string by_client(Client const& client) const;

  std::vector<Source> order_;
  std::vector<std::string> headers_;
  std::string campaign_header_;
  std::vector<IpNetwork> header_clients_;
  std::unordered_map<std::string, std::string> tenant_of_login_;  ///< logins in lower case
  std::vector<std::pair<IpNetwork, std::string>> tenant_of_client_;
};

}  // namespace mailpool::milter

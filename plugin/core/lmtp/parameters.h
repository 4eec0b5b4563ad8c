#pragma once
// What MAIL, RCPT and XFORWARD carry beside the address.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/message/outcome.h"
#include "core/wire/lmtp_command.h"

namespace mailpool::lmtp {

struct MailParameters {
  std::uint64_t size = 0;    ///< SIZE= (RFC 1870), 0 if absent
  bool eight_bit = false;    ///< BODY=8BITMIME (RFC 6152)
  bool smtputf8 = false;     ///< SMTPUTF8 (RFC 6531)
  bool require_tls = false;  ///< REQUIRETLS (RFC 8689)
  std::string dsn_return;    ///< RET= (RFC 3461 4.3), in capitals
  std::string dsn_id;        ///< ENVID=, in xtext
};

/// RFC 3461 4.1 and 4.2.
struct RcptParameters {
  std::string notify;    ///< in capitals
  std::string original;  ///< ORCPT=, in xtext
};

/// The reply that refuses the first parameter that is wrong; nothing where all are good and `out`
/// is set.
[[nodiscard]] std::optional<Outcome> read_mail_parameters(
    std::vector<wire::Parameter> const& parameters, std::uint64_t max_size, bool announces_dsn,
    MailParameters& out);
[[nodiscard]] std::optional<Outcome> read_rcpt_parameters(
    std::vector<wire::Parameter> const& parameters, bool announces_dsn, RcptParameters& out);

/// The IDENT among XFORWARD's attributes goes to `queue_id`, where it can be one; all others are
/// checked and let go.
[[nodiscard]] std::optional<Outcome> read_xforward(std::vector<wire::Parameter> const& attributes,
                                                   std::string& queue_id);

}  // namespace mailpool::lmtp

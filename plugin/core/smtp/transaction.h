#pragma once
// What one SMTP transaction is given, and what it gives back.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/message/message.h"
#include "core/message/outcome.h"
#include "core/message/remark.h"

namespace mailpool::smtp {

/// What the sender wants to be told of one recipient, and of which (RFC 3461 NOTIFY and ORCPT).
struct Notices {
  std::string_view notify;
  std::string_view original;
};

/// One message to recipients of one domain. Borrowed: all of it must outlive the transaction.
struct Transaction {
  std::string_view sender;
  std::vector<std::string_view> recipients;  ///< at least one; no two equal
  std::vector<Notices> notices{};            ///< of each recipient; empty: of none
  Body const* body = nullptr;
  bool smtputf8 = false;          ///< the MTA declared it
  bool eight_bit = false;         ///< BODY=8BITMIME was declared
  bool require_tls = false;       ///< REQUIRETLS was declared
  std::string_view dsn_return{};  ///< RET and ENVID (RFC 3461)
  std::string_view dsn_id{};
  bool success_is_promised = false;  ///< NOTIFY=SUCCESS goes to a server with DSN or nowhere
  /// Why this connection's TLS is not what the message requires, as the answer that it is worth;
  /// MAIL is not sent then.
  std::optional<Outcome> tls_objection;
};

/// What may still be done for the recipients that have no final outcome.
enum class Retry : std::uint8_t {
  Nothing,          ///< every outcome is final
  FreshConnection,  ///< the reused connection failed before the commit point: once more on a fresh
                    ///< one, same MX host first
  SameConnection,   ///< too many recipients for one transaction: the rest in a new one at once (RFC
                    ///< 5321 4.5.3.1.10)
  OtherHost,  ///< this host cannot take this message (SMTPUTF8, TLS requirement); another MX host
              ///< may
};
[[nodiscard]] std::string_view name_of(Retry retry);

/// Of one transaction; the first ones, which brought the others about.
inline constexpr std::size_t most_remarks = 16;

struct RecipientResult {
  Outcome outcome;  ///< final; or, where may_retry, what to answer if the retry cannot be had
  bool may_retry = false;
};

/// How a transaction ended. results[i] belongs to recipients[i].
struct TransactionResult {
  std::vector<RecipientResult> results;
  Retry retry = Retry::Nothing;
  std::string reason;  ///< for logs: why a retry, or what went wrong; empty after a clean end
  std::vector<Remark> remarks{};  ///< the server's 4xx and 5xx, in order; at most most_remarks
  std::optional<Step> lost_at{};  ///< the server ended the connection instead of replying
};

}  // namespace mailpool::smtp

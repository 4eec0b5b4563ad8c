#pragma once
// Mailboxes and domains (RFC 5321 4.1.2, RFC 6531, RFC 5890).

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace mailpool {

/// A domain as delivery uses it: A-labels (UTS 46 by ICU, non-transitional, as Postfix does it),
/// lower case, no final dot, RFC 1035 lengths. An address literal keeps its brackets. Fails with
/// words for anything that is not a domain name: empty labels, blanks, control characters,
/// over-long labels.
[[nodiscard]] Result<std::string> canonical_domain(std::string_view domain);

/// The domain of a mailbox, behind the last @ that is not quoted, canonical. Fails where there is
/// none.
[[nodiscard]] Result<std::string> domain_of(std::string_view mailbox);

/// Whether RFC 5321's Mailbox grammar (with RFC 6531's UTF-8) takes it: dot-string or quoted-string
/// local part of at most 64..320 octets (long ones are tolerated up to 320, as Postfix does),
/// domain or address literal; no CR, LF, NUL or other control characters anywhere.
[[nodiscard]] bool is_mailbox(std::string_view mailbox);

/// The mailbox as it stands in a command: what an MTA has taken is not refused for its spelling. A
/// local part that must be quoted is (RFC 5321 4.1.2: "a..b", "a.", "a b"), the final dot of the
/// domain goes. Fails where there is no mailbox in it at all: no domain, an empty or over-long
/// local part, control characters, a quote that never ends.
[[nodiscard]] Result<std::string> mailbox_on_wire(std::string_view mailbox);

/// Whether sending it needs SMTPUTF8: a local part with octets above 127. (A U-label domain can be
/// sent as A-labels.)
[[nodiscard]] bool needs_smtputf8(std::string_view mailbox);

}  // namespace mailpool

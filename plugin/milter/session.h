#pragma once
// What the milter does with one SMTP connection, message after message, without libmilter: the
// recipients' room, the message's tenant and campaign, and its headers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/message/tenant_seal.h"
#include "milter/gate.h"
#include "milter/tenants.h"

namespace mailpool::milter {

/// What sessions share; immutable, but for the gate, which is made for many threads.
struct Shared {
  Tenants tenants;
  std::vector<std::string> mailers;  ///< {rcpt_mailer} of recipients that are ours
  std::optional<SealKeys> keys;      ///< none: no tenant is handed on
};

struct Reply {
  enum class Kind : std::uint8_t {
    Continue,
    Tempfail,  ///< 451 4.7.1
    Reject,    ///< 554 5.6.0
  };
  Kind kind = Kind::Continue;
  std::string text;
};

/// A header to be deleted, this many times.
struct Deletion {
  std::string name;
  std::size_t copies;
};

struct Ending {
  Reply reply;
  std::vector<Deletion> deletions;
  std::string seal;  ///< value of the sealed header; "" for none
};

class Session {
 public:
  /// Copies of mailpool's headers that one message may have.
  static constexpr std::size_t most_copies = 100;

  /// References must outlive the session.
  Session(Shared const& shared, Gate& gate) : shared_(shared), gate_(gate) {}

  void connect(std::optional<IpAddress> address, bool is_local_submission);
  /// Begins a message. `sender` with or without angle brackets; `login` is {auth_authen}.
  void mail(std::string_view sender, std::string_view login);
  /// `mailer` is {rcpt_mailer}, "" where the MTA does not tell it.
  Reply recipient(std::string_view address, std::string_view mailer);
  void header(std::string_view name, std::string_view value);
  /// Ends the message. `nonce` is random.
  Ending end_of_message(WallTime now, std::string_view nonce);
  /// Forgets the message.
  void abort();

 private:
  struct Seen {
    std::string name;
    std::size_t copies = 0;
    std::string value;  ///< of the first copy, if it is a name
  };
  [[nodiscard]] bool leads_to_mailpool(std::string_view mailer) const;
  [[nodiscard]] std::string said_in(std::string_view header) const;
  Reply ask(std::string const& domain, std::string const& tenant, std::uint16_t recipients);

  Shared const& shared_;
  Gate& gate_;
  Client client_;
  std::string sender_;
  std::optional<std::string> early_tenant_;  ///< what recipients were counted against
  std::uint16_t uncounted_ = 0;              ///< recipients taken before the tenant was known
  std::vector<Seen> seen_;
};

}  // namespace mailpool::milter

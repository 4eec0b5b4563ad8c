#pragma once
// What a message needs of a server before it may be offered to it: SIZE, 8BITMIME, SMTPUTF8, TLS,
// REQUIRETLS, DSN (RFC 1870, 6152, 6531, 8689, 3461).

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/smtp/session.h"
#include "core/wire/command.h"

namespace mailpool::smtp {

/// Why not, and whether another host may be asked.
struct Refusal {
  Outcome outcome;
  Retry retry = Retry::Nothing;
};

/// Judges by what the connection has achieved, not by what was asked of it; so it is asked before
/// every MAIL.
class Requirements {
 public:
  /// References must outlive it.
  Requirements(Transaction const& transaction, wire::Capabilities const& server,
               SessionSettings const& settings, bool is_encrypted);

  /// Of the message as a whole: size, 8-bit content, international header or sender, TLS.
  [[nodiscard]] std::optional<Refusal> refusal() const;
  [[nodiscard]] std::optional<Refusal> refusal_of(std::size_t recipient) const;

  /// What stands in MAIL and RCPT: a domain in U-labels goes out in A-labels (made in `scratch`)
  /// where the server lacks SMTPUTF8. Nothing if the address cannot be sent at all.
  [[nodiscard]] std::optional<std::string_view> on_wire(std::string_view address,
                                                        std::string& scratch) const;
  [[nodiscard]] wire::Charset charset() const { return charset_; }
  /// Behind MAIL FROM:<>, each with a blank before it.
  [[nodiscard]] std::string mail_parameters() const;
  /// Likewise behind RCPT TO:<>.
  [[nodiscard]] std::string rcpt_parameters(std::size_t recipient) const;

 private:
  [[nodiscard]] std::optional<Refusal> address_refusal(std::string_view address,
                                                       std::string_view role) const;
  [[nodiscard]] std::optional<Refusal> tls_refusal() const;
  [[nodiscard]] std::optional<Refusal> size_refusal() const;
  [[nodiscard]] bool is_international() const;
  [[nodiscard]] Notices notices_of(std::size_t recipient) const;
  [[nodiscard]] Refusal no_smtputf8(std::string_view what) const;

  Transaction const& transaction_;
  wire::Capabilities const& server_;
  SessionSettings const& settings_;
  bool is_encrypted_;
  wire::Charset charset_;
};

}  // namespace mailpool::smtp

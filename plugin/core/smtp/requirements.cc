#include "core/smtp/requirements.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/base/text.h"
#include "core/message/address.h"

namespace mailpool::smtp {
namespace {

bool asks_for_success(Notices const& notices) {
  return notices.notify.find("SUCCESS") != std::string_view::npos;
}

}  // namespace

Requirements::Requirements(Transaction const& transaction, wire::Capabilities const& server,
                           SessionSettings const& settings, bool is_encrypted)
    : transaction_(transaction),
      server_(server),
      settings_(settings),
      is_encrypted_(is_encrypted),
      charset_(server.smtputf8 ? wire::Charset::Utf8 : wire::Charset::Ascii) {}

std::optional<Refusal> Requirements::tls_refusal() const {
  if (settings_.tls == TlsMode::Encrypt && !is_encrypted_) {
    auto text = fmt::format("{}: TLS is required ({}) and the connection has none", settings_.relay,
                            settings_.tls_because);
    return Refusal{Outcome::local(451, {4, 7, 5}, std::move(text)), Retry::OtherHost};
  }
  if (transaction_.tls_objection) return Refusal{*transaction_.tls_objection, Retry::OtherHost};
  if (!transaction_.require_tls || (is_encrypted_ && server_.require_tls)) return std::nullopt;
  auto text = fmt::format("{}: REQUIRETLS was not offered under TLS", settings_.relay);
  return Refusal{Outcome::local(550, {5, 7, 30}, std::move(text)), Retry::OtherHost};
}

std::optional<Refusal> Requirements::refusal() const {
  if (auto no_tls = tls_refusal()) return no_tls;
  if (auto too_big = size_refusal()) return too_big;
  if (transaction_.body->has_eight_bit && settings_.refuse_eight_bit && !server_.eight_bit_mime) {
    auto text =
        fmt::format("{} does not take 8-bit content (eight_bit = \"refuse\")", settings_.relay);
    return Refusal{Outcome::local(554, {5, 6, 3}, std::move(text))};
  }
  // Header octets above 127 without SMTPUTF8 declared are old unlabelled 8-bit mail, not an
  // international message.
  if (transaction_.smtputf8 && transaction_.body->has_utf8_header && !server_.smtputf8)
    return no_smtputf8("the header");
  return address_refusal(transaction_.sender, "sender");
}

std::optional<Refusal> Requirements::refusal_of(std::size_t recipient) const {
  if (auto refusal = address_refusal(transaction_.recipients[recipient], "recipient"))
    return refusal;
  bool const is_promised =
      transaction_.success_is_promised && asks_for_success(notices_of(recipient));
  if (!is_promised || server_.dsn) return std::nullopt;
  // The MTA was offered DSN before this server was known. It is not the next time, and then tells
  // the sender itself.
  auto text = fmt::format(
      "a notice of success is wanted, and {} offers no DSN (option dsn): the next attempt will see "
      "to it",
      settings_.relay);
  return Refusal{Outcome::local(451, {4, 3, 3}, std::move(text)), Retry::OtherHost};
}

Notices Requirements::notices_of(std::size_t recipient) const {
  return transaction_.notices.empty() ? Notices{} : transaction_.notices[recipient];
}

std::optional<Refusal> Requirements::size_refusal() const {
  auto const size = transaction_.body->size();
  if (server_.size_limit == 0 || size <= server_.size_limit) return std::nullopt;
  auto text = fmt::format("message size {} exceeds the limit {} of {}", size, server_.size_limit,
                          settings_.relay);
  return Refusal{Outcome::local(552, {5, 3, 4}, std::move(text))};
}

std::optional<Refusal> Requirements::address_refusal(std::string_view address,
                                                     std::string_view role) const {
  if (charset_ == wire::Charset::Ascii && needs_smtputf8(address))
    return no_smtputf8(fmt::format("the {} address", role));
  std::string scratch;
  if (on_wire(address, scratch)) return std::nullopt;
  auto text = fmt::format("the {} address cannot be sent in an SMTP command", role);
  return Refusal{Outcome::local(451, {4, 3, 0}, std::move(text))};
}

Refusal Requirements::no_smtputf8(std::string_view what) const {
  auto text =
      fmt::format("SMTPUTF8 is required for {}, but was not offered by {}", what, settings_.relay);
  return {Outcome::local(550, {5, 6, 7}, std::move(text)), Retry::OtherHost};
}

std::optional<std::string_view> Requirements::on_wire(std::string_view address,
                                                      std::string& scratch) const {
  if (wire::is_path(address, charset_)) return address;
  auto const at = address.rfind('@');
  if (charset_ == wire::Charset::Utf8 || at == std::string_view::npos || is_ascii(address))
    return std::nullopt;
  auto const domain = canonical_domain(address.substr(at + 1));
  if (!domain) return std::nullopt;
  scratch.assign(address.substr(0, at + 1)).append(*domain);
  if (!wire::is_path(scratch, charset_)) return std::nullopt;
  return scratch;
}

bool Requirements::is_international() const {
  auto is_not_ascii = [](std::string_view address) { return !is_ascii(address); };
  return transaction_.smtputf8 || is_not_ascii(transaction_.sender) ||
         std::any_of(transaction_.recipients.begin(), transaction_.recipients.end(), is_not_ascii);
}

std::string Requirements::mail_parameters() const {
  std::string parameters;
  if (server_.size)
    fmt::format_to(std::back_inserter(parameters), " SIZE={}", transaction_.body->size());
  if (server_.eight_bit_mime && transaction_.body->has_eight_bit) parameters += " BODY=8BITMIME";
  if (server_.smtputf8 && is_international()) parameters += " SMTPUTF8";
  if (transaction_.require_tls) parameters += " REQUIRETLS";
  if (server_.dsn && !transaction_.dsn_return.empty())
    parameters.append(" RET=").append(transaction_.dsn_return);
  if (server_.dsn && !transaction_.dsn_id.empty())
    parameters.append(" ENVID=").append(transaction_.dsn_id);
  return parameters;
}

std::string Requirements::rcpt_parameters(std::size_t recipient) const {
  std::string parameters;
  if (!server_.dsn) return parameters;
  auto const notices = notices_of(recipient);
  if (!notices.notify.empty()) parameters.append(" NOTIFY=").append(notices.notify);
  if (!notices.original.empty()) parameters.append(" ORCPT=").append(notices.original);
  return parameters;
}

}  // namespace mailpool::smtp

#include "core/lmtp/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/text.h"
#include "core/message/header_scan.h"

namespace mailpool::lmtp {
namespace {

// RFC 3461 5.4.
constexpr std::size_t longest_id = 100;
constexpr std::size_t longest_original = 500;
constexpr std::size_t longest_notify = 28;      // each word once
constexpr std::size_t longest_attribute = 255;  // as Postfix bounds them
constexpr std::array<std::string_view, 7> xforward_names{"NAME", "ADDR",  "PORT",  "PROTO",
                                                         "HELO", "IDENT", "SOURCE"};

Outcome bad_value(wire::Parameter const& p) {
  return Outcome::local(
      501, {5, 5, 4},
      fmt::format("{}={}: not a value for it", printable(p.name, 40), printable(p.value, 80)));
}

Outcome not_announced(wire::Parameter const& p) {
  return Outcome::local(
      555, {5, 5, 4}, fmt::format("{}: a parameter that was not announced", printable(p.name, 40)));
}

std::optional<Outcome> read_size(wire::Parameter const& p, std::uint64_t max_size,
                                 MailParameters& out) {
  auto const size = to_number(p.value);
  if (!size) return bad_value(p);
  if (max_size != 0 && *size > max_size)
    return Outcome::local(
        552, {5, 3, 4},
        fmt::format("the message is larger than [lmtp] max_message_size ({} octets)", max_size));
  out.size = *size;
  return std::nullopt;
}

std::optional<Outcome> read_body(wire::Parameter const& p, MailParameters& out) {
  out.eight_bit = ascii_iequal(p.value, "8BITMIME");
  if (out.eight_bit || ascii_iequal(p.value, "7BIT")) return std::nullopt;
  return ascii_iequal(p.value, "BINARYMIME") ? not_announced(p) : bad_value(p);
}

std::optional<Outcome> read_flag(wire::Parameter const& p, bool& flag) {
  if (p.has_value) return bad_value(p);
  flag = true;
  return std::nullopt;
}

// Postfix before 2026 does not encode every "+" of an address: what cannot be xtext is made so.
std::string as_xtext(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  auto is_digit_at = [&](std::size_t i) {
    return i < text.size() && digits.find(text[i]) != std::string_view::npos;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const octet = static_cast<unsigned char>(text[i]);
    bool const is_encoded = text[i] == '+' && is_digit_at(i + 1) && is_digit_at(i + 2);
    if (octet > 0x20 && octet < 0x7f && text[i] != '=' && (text[i] != '+' || is_encoded))
      out += text[i];
    else
      out.append("+").append(1, digits[octet / 16]).append(1, digits[octet % 16]);
  }
  return out;
}

std::optional<Outcome> read_return(wire::Parameter const& p, std::string& to) {
  to = ascii_upper(p.value);
  if (to == "FULL" || to == "HDRS") return std::nullopt;
  return bad_value(p);
}

// An id that is too long to be passed on (RFC 3461 5.4) is left out: it is no reason to bounce
// mail.
std::optional<Outcome> read_id(wire::Parameter const& p, std::string& to) {
  if (!p.has_value) return bad_value(p);
  to = as_xtext(p.value);
  if (to.size() > longest_id) to.clear();
  return std::nullopt;
}

std::optional<Outcome> read_notify(wire::Parameter const& p, std::string& to) {
  to = ascii_upper(p.value);
  if (to == "NEVER") return std::nullopt;
  for (auto const word : split(to, ','))
    if (word != "SUCCESS" && word != "FAILURE" && word != "DELAY") return bad_value(p);
  return to.size() > longest_notify ? std::optional(bad_value(p)) : std::nullopt;
}

// "rfc822;user@example.org"; likewise.
std::optional<Outcome> read_original(wire::Parameter const& p, std::string& to) {
  auto const type = p.value.find(';');
  bool const is_whole = type != std::string_view::npos && type != 0 && type + 1 < p.value.size() &&
                        is_ascii(p.value.substr(0, type));
  to = is_whole ? as_xtext(p.value) : std::string();
  if (to.size() > longest_original) to.clear();
  return std::nullopt;
}

std::optional<Outcome> read_mail_parameter(wire::Parameter const& p, std::uint64_t max_size,
                                           bool announces_dsn, MailParameters& out) {
  if (ascii_iequal(p.name, "SIZE")) return read_size(p, max_size, out);
  if (ascii_iequal(p.name, "BODY")) return read_body(p, out);
  if (ascii_iequal(p.name, "SMTPUTF8")) return read_flag(p, out.smtputf8);
  if (ascii_iequal(p.name, "REQUIRETLS")) return read_flag(p, out.require_tls);
  if (announces_dsn && ascii_iequal(p.name, "RET")) return read_return(p, out.dsn_return);
  if (announces_dsn && ascii_iequal(p.name, "ENVID")) return read_id(p, out.dsn_id);
  return not_announced(p);
}

std::optional<Outcome> read_rcpt_parameter(wire::Parameter const& p, bool announces_dsn,
                                           RcptParameters& out) {
  if (announces_dsn && ascii_iequal(p.name, "NOTIFY")) return read_notify(p, out.notify);
  if (announces_dsn && ascii_iequal(p.name, "ORCPT")) return read_original(p, out.original);
  return not_announced(p);
}

// Each once, by `read`.
template <class Read>
std::optional<Outcome> read_each(std::vector<wire::Parameter> const& parameters, Read read) {
  for (auto p = parameters.begin(); p != parameters.end(); ++p) {
    auto const is_same = [&](auto const& other) { return ascii_iequal(other.name, p->name); };
    if (std::find_if(parameters.begin(), p, is_same) != p)
      return Outcome::local(501, {5, 5, 4}, fmt::format("{} given twice", printable(p->name, 40)));
    if (auto refusal = read(*p)) return refusal;
  }
  return std::nullopt;
}

bool is_attribute_value(std::string_view value) {
  // Whatever a client of the MTA called itself, as long as it is one line of text.
  auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return value.size() <= longest_attribute && is_valid_utf8(value) &&
         std::none_of(value.begin(), value.end(), is_control);
}

}  // namespace

std::optional<Outcome> read_mail_parameters(std::vector<wire::Parameter> const& parameters,
                                            std::uint64_t max_size, bool announces_dsn,
                                            MailParameters& out) {
  return read_each(parameters, [&](wire::Parameter const& p) {
    return read_mail_parameter(p, max_size, announces_dsn, out);
  });
}

std::optional<Outcome> read_rcpt_parameters(std::vector<wire::Parameter> const& parameters,
                                            bool announces_dsn, RcptParameters& out) {
  return read_each(parameters, [&](wire::Parameter const& p) {
    return read_rcpt_parameter(p, announces_dsn, out);
  });
}

std::optional<Outcome> read_xforward(std::vector<wire::Parameter> const& attributes,
                                     std::string& queue_id) {
  std::string ident = queue_id;
  for (auto const& a : attributes) {
    auto const is_its_name = [&](auto name) { return ascii_iequal(name, a.name); };
    if (std::none_of(xforward_names.begin(), xforward_names.end(), is_its_name))
      return Outcome::local(501, {5, 5, 4},
                            fmt::format("{}: not an XFORWARD attribute", printable(a.name, 40)));
    auto const value = wire::decode_xtext(a.value);
    if (!a.has_value || !value || !is_attribute_value(*value)) return bad_value(a);
    if (!ascii_iequal(a.name, "IDENT")) continue;
    bool const is_unavailable = ascii_iequal(*value, "[UNAVAILABLE]");
    if (!is_unavailable && !is_queue_id(*value)) return bad_value(a);
    ident = is_unavailable ? std::string() : *value;
  }
  queue_id = ident;
  return std::nullopt;
}

}  // namespace mailpool::lmtp

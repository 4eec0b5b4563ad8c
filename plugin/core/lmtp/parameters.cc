#include "core/lmtp/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/text.h"
#include "core/message/header_scan.h"

namespace mailpool::lmtp {
namespace {

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

std::optional<Outcome> read_mail_parameter(wire::Parameter const& p, std::uint64_t max_size,
                                           MailParameters& out) {
  if (ascii_iequal(p.name, "SIZE")) return read_size(p, max_size, out);
  if (ascii_iequal(p.name, "BODY")) return read_body(p, out);
  if (ascii_iequal(p.name, "SMTPUTF8")) return read_flag(p, out.smtputf8);
  if (ascii_iequal(p.name, "REQUIRETLS")) return read_flag(p, out.require_tls);
  return not_announced(p);
}

bool is_attribute_value(std::string_view value) {
  return value.size() <= longest_attribute && is_valid_utf8(value) && printable(value) == value;
}

}  // namespace

std::optional<Outcome> read_mail_parameters(std::vector<wire::Parameter> const& parameters,
                                            std::uint64_t max_size, MailParameters& out) {
  for (auto p = parameters.begin(); p != parameters.end(); ++p) {
    auto const is_same = [&](auto const& other) { return ascii_iequal(other.name, p->name); };
    if (std::find_if(parameters.begin(), p, is_same) != p)
      return Outcome::local(501, {5, 5, 4}, fmt::format("{} given twice", printable(p->name, 40)));
    if (auto refusal = read_mail_parameter(*p, max_size, out)) return refusal;
  }
  return std::nullopt;
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

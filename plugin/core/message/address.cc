#include "core/message/address.h"

#include <fmt/format.h>
#include <idn2.h>

#include <algorithm>
#include <memory>

#include "core/base/ip.h"
#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t longest_domain = 253;  // 255 octets on the wire (RFC 1035 2.3.4)
constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_local_part = 320;
constexpr std::size_t longest_given_domain =
    1024;  // as U-labels, before it is an answer for libidn2

bool is_letter_or_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_eight_bit(char c) {
  return static_cast<unsigned char>(c) > 0x7f;
}

bool is_control(char c) {
  auto const octet = static_cast<unsigned char>(c);
  return octet < 0x20 || octet == 0x7f;
}

// RFC 5322 3.2.3 atext, with RFC 6531's UTF-8.
bool is_atext(char c) {
  return is_letter_or_digit(c) || is_eight_bit(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view s) {
  char before = '.';
  for (char const c : s) {
    if (c == '.' ? before == '.' : !is_atext(c)) return false;
    before = c;
  }
  return before != '.';
}

// DQUOTE *QcontentSMTP DQUOTE
bool is_quoted_string(std::string_view s) {
  if (s.size() < 2 || s.front() != '"' || s.back() != '"') return false;
  s = s.substr(1, s.size() - 2);
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (is_control(s[i]) || s[i] == '"') return false;
    if (s[i] != '\\') continue;
    if (++i == s.size() || is_control(s[i]) || is_eight_bit(s[i])) return false;
  }
  return true;
}

// Where the last @ outside quotes is; npos for none and for a quote that never ends.
std::size_t last_at(std::string_view s) {
  std::size_t at = std::string_view::npos;
  bool quoted = false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '\\' && quoted)
      ++i;
    else if (s[i] == '"')
      quoted = !quoted;
    else if (s[i] == '@' && !quoted)
      at = i;
  }
  return quoted ? std::string_view::npos : at;
}

Result<std::string> canonical_literal(std::string_view domain) {
  if (domain.size() > 2 && domain.back() == ']') {
    auto const inside = domain.substr(1, domain.size() - 2);
    bool const is_v6 = ascii_istarts_with(inside, "IPv6:");
    auto const ip = IpAddress::parse(is_v6 ? inside.substr(5) : inside);
    if (ip && ip->is_v4() != is_v6)
      return fmt::format("[{}{}]", is_v6 ? "IPv6:" : "", ip->to_string());
  }
  return failed(fmt::format("{} is not an address literal", printable(domain, 80)));
}

Result<std::string> to_a_labels(std::string_view domain) {
  if (domain.size() > longest_given_domain) return failed("the domain is too long");
  if (!is_valid_utf8(domain)) return failed("the domain is not UTF-8");
  std::string const given(domain);  // libidn2 wants the NUL behind it
  char* converted = nullptr;
  int const code =
      idn2_to_ascii_8z(given.c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  std::unique_ptr<char, decltype(&idn2_free)> const owner(converted, &idn2_free);
  if (code != IDN2_OK)
    return failed(fmt::format("{} is not an IDNA 2008 domain ({})", printable(domain, 80),
                              idn2_strerror(code)));
  return std::string(converted);
}

// What is wrong with a label; empty for nothing. The rules of Postfix's valid_hostname(): letters,
// digits, underscores, and hyphens inside.
std::string_view fault_of(std::string_view label) {
  if (label.empty()) return "an empty label";
  if (label.size() > longest_label) return "a label of more than 63 octets";
  if (label.front() == '-' || label.back() == '-') return "a misplaced hyphen";
  for (char const c : label)
    if (!is_letter_or_digit(c) && c != '-' && c != '_') return "a character no host name has";
  return {};
}

std::string_view fault_of_domain(std::string_view domain) {
  if (domain.size() > longest_domain) return "more than 253 octets";
  for (auto rest = domain;;) {
    auto const dot = rest.find('.');
    if (auto const fault = fault_of(rest.substr(0, dot)); !fault.empty()) return fault;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  auto const is_of_address = [](char c) { return is_digit(c) || c == '.'; };
  if (std::all_of(domain.begin(), domain.end(), is_of_address))
    return "digits only (an address stands in brackets)";
  return {};
}

}  // namespace

Result<std::string> canonical_domain(std::string_view domain) {
  if (domain.empty()) return failed("the domain is empty");
  if (std::any_of(domain.begin(), domain.end(), is_control))
    return failed("the domain holds a control character");
  if (domain.front() == '[') return canonical_literal(domain);
  std::string converted;
  if (!is_ascii(domain)) {
    auto a_labels = to_a_labels(domain);
    if (!a_labels) return a_labels;
    converted = std::move(*a_labels);
    domain = converted;
  }
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (auto const fault = fault_of_domain(domain); !fault.empty())
    return failed(fmt::format("the domain {} has {}", printable(domain, 80), fault));
  return ascii_lower(domain);
}

Result<std::string> domain_of(std::string_view mailbox) {
  auto const at = last_at(mailbox);
  if (at == std::string_view::npos) return failed("the address has no domain");
  return canonical_domain(mailbox.substr(at + 1));
}

bool is_mailbox(std::string_view mailbox) {
  auto const at = last_at(mailbox);
  if (at > longest_local_part) return false;  // as npos is
  auto const local_part = mailbox.substr(0, at);
  if (!is_dot_string(local_part) && !is_quoted_string(local_part)) return false;
  return is_valid_utf8(local_part) && canonical_domain(mailbox.substr(at + 1)).has_value();
}

bool needs_smtputf8(std::string_view mailbox) {
  auto const at = last_at(mailbox);
  return !is_ascii(mailbox.substr(0, at));
}

}  // namespace mailpool

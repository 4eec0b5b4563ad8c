#include "core/message/address.h"

#include <fmt/format.h>
#include <unicode/uidna.h>

#include <algorithm>
#include <array>
#include <memory>

#include "core/base/ip.h"
#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t longest_domain = 253;  // 255 octets on the wire (RFC 1035 2.3.4)
constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_local_part = 320;
constexpr std::size_t longest_given_domain = 1024;  // as U-labels, before it is an answer for ICU

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

// The same local part as a dot-string if it is one, else as one quoted string. Quotes inside are
// not part of it: "a"."b" is a.b (RFC 5322 4.4).
std::string quoted(std::string_view local_part) {
  std::string bare;
  bool is_quoted = false;
  for (std::size_t i = 0; i < local_part.size(); ++i) {
    char const c = local_part[i];
    if (c == '"') {
      is_quoted = !is_quoted;
      continue;
    }
    if (c == '\\' && is_quoted && i + 1 < local_part.size()) ++i;
    bare += local_part[i];
  }
  if (is_dot_string(bare)) return bare;
  std::string text = "\"";
  for (char const c : bare) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
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

// UTS 46, non-transitional: what Postfix takes for a domain has to be one here (its
// midna_domain_to_ascii()), emoji among them, which IDNA 2008 does not know.
UIDNA const* uts46() {
  static UErrorCode status = U_ZERO_ERROR;
  static std::unique_ptr<UIDNA, decltype(&uidna_close)> const made(
      uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE, &status),
      &uidna_close);
  return U_SUCCESS(status) ? made.get() : nullptr;
}

std::string_view words_of(std::uint32_t errors) {
  if ((errors & UIDNA_ERROR_EMPTY_LABEL) != 0) return "an empty label";
  if ((errors & (UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG)) != 0)
    return "too long as A-labels";
  if ((errors &
       (UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4)) != 0)
    return "a misplaced hyphen";
  if ((errors & UIDNA_ERROR_DISALLOWED) != 0) return "a character that no domain has";
  if ((errors & (UIDNA_ERROR_PUNYCODE | UIDNA_ERROR_INVALID_ACE_LABEL)) != 0)
    return "an A-label that stands for nothing";
  return "a label that is none";
}

Result<std::string> to_a_labels(std::string_view domain) {
  if (domain.size() > longest_given_domain) return failed("the domain is too long");
  if (!is_valid_utf8(domain)) return failed("the domain is not UTF-8");
  std::array<char, longest_given_domain> converted{};
  UIDNAInfo info{};
  info.size = static_cast<std::int16_t>(sizeof info);
  UErrorCode status = U_ZERO_ERROR;
  auto const* const rules = uts46();
  if (rules == nullptr) return failed("international domains cannot be read (ICU has no data)");
  auto const n =
      uidna_nameToASCII_UTF8(rules, domain.data(), static_cast<std::int32_t>(domain.size()),
                             converted.data(), converted.size(), &info, &status);
  if (!U_SUCCESS(status) || info.errors != 0 || n <= 0)
    return failed(fmt::format("the domain {} has {} (UTS 46)", printable(domain, 80),
                              info.errors != 0 ? words_of(info.errors) : u_errorName(status)));
  return std::string(converted.data(), static_cast<std::size_t>(n));
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

Result<std::string> mailbox_on_wire(std::string_view mailbox) {
  auto const at = last_at(mailbox);
  if (at == std::string_view::npos) {
    bool const is_open = mailbox.find('@') != std::string_view::npos;
    return failed(is_open ? "a quote in the address never ends" : "the address has no domain");
  }
  auto const local_part = mailbox.substr(0, at);
  auto domain = mailbox.substr(at + 1);
  if (auto const canonical = canonical_domain(domain); !canonical)
    return tl::make_unexpected(canonical.error());
  if (local_part.empty()) return failed("the address has no local part");
  if (std::any_of(local_part.begin(), local_part.end(), is_control))
    return failed("the local part holds a control character");
  if (!is_valid_utf8(local_part)) return failed("the local part is not UTF-8");
  if (domain.ends_with('.')) domain.remove_suffix(1);
  bool const is_good = is_dot_string(local_part) || is_quoted_string(local_part);
  auto spelt = is_good ? std::string(local_part) : quoted(local_part);
  if (spelt.size() > longest_local_part) return failed("the local part is too long");
  return spelt.append("@").append(domain);
}

bool needs_smtputf8(std::string_view mailbox) {
  auto const at = last_at(mailbox);
  return !is_ascii(mailbox.substr(0, at));
}

}  // namespace mailpool

#include "core/imap/capabilities.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace mailpool::imap {
namespace {

constexpr std::size_t most_names = 100;
constexpr std::size_t longest_name = 100;
constexpr std::uint64_t literal_minus_octets = 4096;  // RFC 7888 5

// RFC 3501 9: a capability is an atom. Brackets would end a response code.
bool is_name(std::string_view word) {
  return !word.empty() && word.size() <= longest_name &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return c > ' ' && c < 0x7f &&
                  std::string_view("(){}%*\"\\[]").find(c) == std::string_view::npos;
         });
}

// Compressed streams cannot be relayed, the others belong to the login that the pool has done.
bool is_withheld(std::string_view name) {
  static constexpr std::array<std::string_view, 8> names{
      "STARTTLS", "LOGINDISABLED",   "UNAUTHENTICATE", "X-UNAUTHENTICATE",
      "SASL-IR",  "LOGIN-REFERRALS", "AUTH=",          "COMPRESS="};
  return std::any_of(names.begin(), names.end(), [&](std::string_view withheld) {
    return withheld.ends_with('=') ? name.starts_with(withheld) : name == withheld;
  });
}

// Where a status' text begins: behind the tag or star and the status word. npos for other lines.
std::size_t text_of_status(std::string_view line) {
  auto const first = line.find(' ');
  if (first == std::string_view::npos) return std::string_view::npos;
  auto const second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::string_view::npos;
  auto const word = line.substr(first + 1, second - first - 1);
  for (auto status : {"OK", "NO", "BAD", "PREAUTH", "BYE"})
    if (ascii_iequal(word, status)) return second + 1;
  return std::string_view::npos;
}

}  // namespace

Capabilities::Capabilities(std::string_view words) {
  for (auto word : split(words, ' ')) {
    if (!is_name(word) || names_.size() == most_names) continue;
    auto name = ascii_upper(word);
    if (!has(name)) names_.push_back(std::move(name));
  }
}

bool Capabilities::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

bool Capabilities::may_send_at_once(std::uint64_t octets) const {
  return has("LITERAL+") ||
         ((has("LITERAL-") || has("IMAP4REV2")) && octets <= literal_minus_octets);
}

std::string Capabilities::for_client() const {
  std::string list;
  for (auto const& name : names_) {
    if (is_withheld(name)) continue;
    if (!list.empty()) list += ' ';
    // RFC 3501 spells it so, and some clients look for just that.
    list += name == "IMAP4REV1" ? "IMAP4rev1" : name == "IMAP4REV2" ? "IMAP4rev2" : name;
  }
  return list.empty() ? "IMAP4rev1" : list;
}

std::string Capabilities::to_record() const {
  std::string record;
  for (auto const& name : names_) record += (record.empty() ? "" : " ") + name;
  return record;
}

std::optional<Capabilities> Capabilities::from_record(std::string_view record) {
  Capabilities read(record);
  bool const is_imap = read.has("IMAP4REV1") || read.has("IMAP4REV2");
  if (!is_imap || read.to_record() != record) return std::nullopt;
  return read;
}

bool find_capabilities(std::string_view line, CapabilityCode& found) {
  static constexpr std::string_view untagged = "* CAPABILITY ";
  static constexpr std::string_view code = "[CAPABILITY ";
  if (ascii_istarts_with(line, untagged)) {
    found = {line.substr(0, untagged.size()), line.substr(untagged.size()), {}};
    return true;
  }
  auto const text = text_of_status(line);
  if (text == std::string_view::npos || !ascii_istarts_with(line.substr(text), code)) return false;
  auto const begin = text + code.size();
  auto const end = line.find(']', begin);
  if (end == std::string_view::npos) return false;
  found = {line.substr(0, begin), line.substr(begin, end - begin), line.substr(end)};
  return true;
}

}  // namespace mailpool::imap

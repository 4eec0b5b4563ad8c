#include "core/events/addresses.h"

#include <fmt/format.h>

#include <array>

#include "core/base/sha256.h"
#include "core/base/text.h"

namespace mailpool::events {
namespace {

constexpr std::size_t octets_shown = 8;
constexpr std::size_t shortest_word = 3;  // a shorter one would be found in every text

bool is_of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// What stands for an "@": itself, and how a URL or an xtext writes it.
constexpr std::array<std::string_view, 3> at_signs{"@", "%40", "+40"};

struct At {
  std::size_t begin = std::string_view::npos;
  std::size_t size = 0;
};

At next_at(std::string_view text, std::size_t from) {
  At next;
  for (auto const sign : at_signs)
    if (auto const found = text.find(sign, from); found < next.begin) next = {found, sign.size()};
  return next;
}

bool is_escaped(std::string_view text, std::size_t at) {
  std::size_t backslashes = 0;
  while (backslashes < at && text[at - backslashes - 1] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

// Where the word that is all of the text's end begins. In quotes, blanks are part of a local part.
std::size_t begin_of_local_part(std::string_view text) {
  if (text.size() > 1 && text.back() == '"') {
    auto quote = text.rfind('"', text.size() - 2);
    while (quote != std::string_view::npos && quote != 0 && is_escaped(text, quote))
      quote = text.rfind('"', quote - 1);
    if (quote != std::string_view::npos) return quote;
  }
  auto const before = text.find_last_of(" \t<>()[],;:\"");
  auto const begin = before == std::string_view::npos ? 0 : before + 1;
  // A quote in front is none of the word; one within is: o'brien.
  return begin < text.size() && text[begin] == '\'' ? begin + 1 : begin;
}

}  // namespace

std::string hash_of_address(std::string_view address, std::string_view key) {
  auto const digest = hmac_sha256(key, ascii_lower(address));
  std::string text;
  for (std::size_t i = 0; i < octets_shown; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string without_addresses(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (auto at = next_at(text, 0); at.size != 0; at = next_at(text, at.begin + at.size)) {
    auto const begin = done + begin_of_local_part(text.substr(done, at.begin - done));
    out += text.substr(done, begin - done);
    if (begin != at.begin) out += "...";
    done = at.begin;
  }
  out += text.substr(done);
  return out;
}

std::string without_recipient(std::string_view text, std::string_view recipient) {
  auto out = without_addresses(text);
  auto const local = ascii_lower(recipient.substr(0, recipient.rfind('@')));
  if (local.size() < shortest_word) return out;
  auto lower = ascii_lower(out);
  for (auto at = lower.find(local); at != std::string::npos; at = lower.find(local, at)) {
    auto const end = at + local.size();
    bool const is_word =
        (at == 0 || !is_of_word(lower[at - 1])) && (end == lower.size() || !is_of_word(lower[end]));
    if (is_word) {
      out.replace(at, local.size(), "...");
      lower.replace(at, local.size(), "...");
    }
    at += is_word ? 3 : 1;
  }
  return out;
}

}  // namespace mailpool::events

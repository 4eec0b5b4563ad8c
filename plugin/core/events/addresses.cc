#include "core/events/addresses.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/sha256.h"
#include "core/base/text.h"

namespace mailpool::events {
namespace {

constexpr std::size_t octets_shown = 8;

// Where the word that ends before `end` begins. In quotes, blanks are part of a local part.
std::size_t begin_of_local_part(std::string_view text, std::size_t end) {
  if (end > 1 && text[end - 1] == '"') {
    auto const quote = text.rfind('"', end - 2);
    if (quote != std::string_view::npos) return quote;
  }
  auto const before = text.substr(0, end).find_last_of(" \t<>()[],;:\"'");
  return before == std::string_view::npos ? 0 : before + 1;
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
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    auto const begin = std::max(done, begin_of_local_part(text, at));
    out += text.substr(done, begin - done);
    if (begin != at) out += "...";
    done = at;
  }
  out += text.substr(done);
  return out;
}

}  // namespace mailpool::events

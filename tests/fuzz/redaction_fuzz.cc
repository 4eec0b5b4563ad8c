// A secret and a text that may hold it: what is taken out is taken out, and nothing is added but
// question marks.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/redaction.h"

using namespace mailpool;

// The first line is the secret, the rest the text, which is tried with the secret inside too.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const input(reinterpret_cast<char const*>(data), size);
  auto const end = input.find('\n');
  auto const secret = input.substr(0, end);
  auto const text = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
  Redaction redaction;
  redaction.add(secret);
  auto const marks = [](std::string_view s) { return std::count(s.begin(), s.end(), '?'); };
  auto const clean = redaction.apply(text);
  if (clean.size() > text.size()) std::abort();
  if (secret.size() < Redaction::shortest) {
    if (clean != text) std::abort();
    return 0;
  }
  auto const half = text.size() / 2;
  std::string told(text.substr(0, half));
  told.append(secret).append(text.substr(half));
  auto const kept = redaction.apply(told);
  if (kept.size() > told.size() || marks(kept) == 0) std::abort();
  return 0;
}

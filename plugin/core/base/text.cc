#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace mailpool {
namespace {

// Length of the UTF-8 sequence that `s` starts with, or 0 where it is not one (RFC 3629, shortest
// form only).
std::size_t utf8_sequence(std::string_view s) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  auto is_tail = [&](std::size_t i, unsigned low, unsigned high) {
    return i < s.size() && at(i) >= low && at(i) <= high;
  };
  unsigned const c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return is_tail(1, 0x80, 0xbf) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    unsigned const low = c == 0xe0 ? 0xa0 : 0x80;
    unsigned const high = c == 0xed ? 0x9f : 0xbf;
    return is_tail(1, low, high) && is_tail(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    unsigned const low = c == 0xf0 ? 0x90 : 0x80;
    unsigned const high = c == 0xf4 ? 0x8f : 0xbf;
    return is_tail(1, low, high) && is_tail(2, 0x80, 0xbf) && is_tail(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

// What shows nothing, or makes other text show elsewhere: controls, and Unicode's format
// characters, default ignorables, line and paragraph separators and noncharacters (of categories
// Cc, Cf, Zl, Zp; the noncharacters at the end of each plane are asked for apart). In order.
struct Range {
  char32_t first;
  char32_t last;
};
constexpr auto unseen = std::to_array<Range>({
    {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
    {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},
    {0x890, 0x891},     {0x8e2, 0x8e2},     {0x115f, 0x1160},   {0x17b4, 0x17b5},
    {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
});

// Of a whole sequence.
char32_t code_point(std::string_view sequence) {
  auto const first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t point = first & (0x7fU >> sequence.size());
  for (char const c : sequence.substr(1))
    point = point << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return point;
}

bool is_unseen(std::string_view sequence) {
  auto const point = code_point(sequence);
  auto const* const range = std::lower_bound(unseen.begin(), unseen.end(), point,
                                             [](Range r, char32_t p) { return r.last < p; });
  return (range != unseen.end() && range->first <= point) || (point & 0xfffeU) == 0xfffe;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string ascii_lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string ascii_upper(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

bool ascii_iequal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return ascii_lower(x) == ascii_lower(y);
         });
}

bool ascii_istarts_with(std::string_view s, std::string_view prefix) {
  return s.size() >= prefix.size() && ascii_iequal(s.substr(0, prefix.size()), prefix);
}

std::string_view trimmed(std::string_view s) {
  auto const first = s.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string_view> split(std::string_view s, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    auto const end = s.find(separator);
    parts.push_back(s.substr(0, end));
    if (end == std::string_view::npos) return parts;
    s.remove_prefix(end + 1);
  }
}

bool is_ascii(std::string_view s) {
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_valid_utf8(std::string_view s) {
  while (!s.empty()) {
    auto const n = utf8_sequence(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

std::optional<std::uint64_t> to_number(std::string_view s) {
  if (s.empty() || s.size() > 20) return std::nullopt;
  std::uint64_t n = 0;
  for (char c : s) {
    if (!is_digit(c)) return std::nullopt;
    auto const digit = static_cast<std::uint64_t>(c - '0');
    if (n > (UINT64_MAX - digit) / 10) return std::nullopt;
    n = n * 10 + digit;
  }
  return n;
}

std::string printable(std::string_view s, std::size_t most) {
  std::string out;
  out.reserve(std::min(s.size(), most));
  while (!s.empty()) {
    auto const n = utf8_sequence(s);
    bool const good = n != 0 && !is_unseen(s.substr(0, n));
    auto const text = good ? s.substr(0, n) : std::string_view("?");
    if (out.size() + text.size() > most) break;
    out += text;
    s.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

std::string_view nearest(std::string_view word, std::span<std::string const> candidates) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (auto const& candidate : candidates) {
    auto const d = edit_distance(word, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace mailpool

#include "core/base/redaction.h"

#include <algorithm>
#include <utility>

#include "core/base/base64.h"
#include "core/base/text.h"

namespace mailpool {
namespace {

// What of a text counts. Base64's + and / are left out, and so their forms for URLs count as well.
bool is_counted(char c) {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
         static_cast<unsigned char>(c) > 0x7f;
}

// The last Redaction::piece octets that were pushed.
class Piece {
 public:
  void push(char c) {
    constexpr auto mask = (std::uint64_t{1} << (8 * Redaction::piece)) - 1;
    octets_ = (octets_ << 8U | static_cast<unsigned char>(ascii_lower(c))) & mask;
    ++pushed_;
  }
  [[nodiscard]] bool is_whole() const { return pushed_ >= Redaction::piece; }
  [[nodiscard]] std::uint64_t octets() const { return octets_; }

 private:
  std::uint64_t octets_ = 0;
  std::size_t pushed_ = 0;
};

void take_out(std::string& text, std::string_view what) {
  auto lower = ascii_lower(text);
  auto const wanted = ascii_lower(what);
  for (auto at = lower.find(wanted); at != std::string::npos; at = lower.find(wanted, at + 1)) {
    text.replace(at, wanted.size(), 1, '?');
    lower.replace(at, wanted.size(), 1, '?');
  }
}

std::string hexadecimal(std::string_view octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(octets.size() * 2);  // a string that grows leaves copies behind
  for (char const c : octets) {
    text += digits[static_cast<unsigned char>(c) / 16];
    text += digits[static_cast<unsigned char>(c) % 16];
  }
  return text;
}

}  // namespace

Redaction::~Redaction() {
  wipe(pieces_.data(), pieces_.size() * sizeof(std::uint64_t));
}

void Redaction::add(std::string_view secret) {
  if (secret.size() < shortest) return;
  whole_.emplace_back(secret);
  add_pieces(secret);
  for (std::size_t before = 0; before < 3; ++before) {
    std::string shifted;
    shifted.reserve(before + secret.size());
    shifted.append(before, '\0').append(secret);
    auto encoded = to_base64(shifted);
    // What the octets before have a part in, and the padding's last digit, would not be met.
    auto const from = before == 0 ? 0 : before + 1;
    add_pieces(std::string_view(encoded).substr(std::min(from, encoded.size())));
    wipe(encoded);
    wipe(shifted);
  }
  auto digits = hexadecimal(secret);
  add_pieces(digits);
  wipe(digits);
  std::sort(pieces_.begin(), pieces_.end());
}

void Redaction::add_pieces(std::string_view form) {
  // Room first, for the same reason.
  std::vector<std::uint64_t> grown;
  grown.reserve(pieces_.size() + form.size());
  grown.assign(pieces_.begin(), pieces_.end());
  Piece latest;
  for (char const c : form) {
    if (!is_counted(c)) continue;
    latest.push(c);
    if (latest.is_whole()) grown.push_back(latest.octets());
  }
  pieces_.swap(grown);
  wipe(grown.data(), grown.size() * sizeof(std::uint64_t));
}

std::string Redaction::apply(std::string_view given) const {
  std::string text(given);
  for (auto const& secret : whole_) take_out(text, secret.reveal());
  std::vector<std::size_t> places;  // of what counts
  std::vector<bool> is_secret;
  Piece latest;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_counted(text[i])) continue;
    latest.push(text[i]);
    places.push_back(i);
    is_secret.push_back(false);
    if (latest.is_whole() && std::binary_search(pieces_.begin(), pieces_.end(), latest.octets()))
      std::fill(is_secret.end() - static_cast<std::ptrdiff_t>(piece), is_secret.end(), true);
  }
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!is_secret[i]) continue;
    auto end = i;
    while (end + 1 < places.size() && is_secret[end + 1]) ++end;
    out.append(text, taken, places[i] - taken).append("?");
    taken = places[end] + 1;
    i = end;
  }
  return out.append(text, taken);
}

}  // namespace mailpool

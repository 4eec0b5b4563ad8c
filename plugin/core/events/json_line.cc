#include "core/events/json_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/text.h"

namespace mailpool::events {
namespace {

constexpr std::size_t longest_text = 2048;

bool is_plain(std::string_view s) {
  return s.size() <= longest_text && std::all_of(s.begin(), s.end(), [](char c) {
           return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
         });
}

}  // namespace

void JsonLine::begin(std::string_view key) {
  text_ += text_.empty() ? "{\"" : ",\"";
  text_ += key;
  text_ += "\":";
}

void JsonLine::append_quoted(std::string_view value) {
  text_ += '"';
  if (is_plain(value)) {
    text_ += value;
  } else {
    for (char const c : printable(value, longest_text)) {
      if (c == '"' || c == '\\') text_ += '\\';
      text_ += c;
    }
  }
  text_ += '"';
}

JsonLine& JsonLine::text(std::string_view key, std::string_view value) {
  begin(key);
  append_quoted(value);
  return *this;
}

JsonLine& JsonLine::text_if(std::string_view key, std::string_view value) {
  return value.empty() ? *this : text(key, value);
}

JsonLine& JsonLine::number(std::string_view key, std::uint64_t value) {
  begin(key);
  fmt::format_int const digits(value);
  text_.append(digits.data(), digits.size());
  return *this;
}

JsonLine& JsonLine::truth(std::string_view key, bool value) {
  begin(key);
  text_ += value ? "true" : "false";
  return *this;
}

JsonLine& JsonLine::span(std::string_view key, Duration value) {
  begin(key);
  auto const us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::max(value, Duration::zero()))
          .count();
  fmt::format_to(std::back_inserter(text_), "{}.{:06}", us / 1'000'000, us % 1'000'000);
  return *this;
}

JsonLine& JsonLine::time(std::string_view key, WallTime value) {
  begin(key);
  using std::chrono::milliseconds;
  auto const second = std::chrono::floor<std::chrono::seconds>(value);
  fmt::format_to(std::back_inserter(text_), "\"{:%Y-%m-%dT%H:%M:%S}.{:03}Z\"",
                 fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                 std::chrono::duration_cast<milliseconds>(value - second).count());
  return *this;
}

std::string JsonLine::take() {
  text_ += text_.empty() ? "{}" : "}";
  return std::move(text_);
}

}  // namespace mailpool::events

#pragma once
// One JSON object on one line, written key by key.
//
// By hand: an event is made on the loop for every recipient, and building a tree of it first costs
// several times as much as delivering the message's share of it may.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace mailpool::events {

class JsonLine {
 public:
  JsonLine() { text_.reserve(640); }

  /// Any octets: what is no UTF-8 or no printable text becomes '?'.
  JsonLine& text(std::string_view key, std::string_view value);
  /// Nothing at all for "".
  JsonLine& text_if(std::string_view key, std::string_view value);
  JsonLine& number(std::string_view key, std::uint64_t value);
  JsonLine& truth(std::string_view key, bool value);
  /// Seconds, to the microsecond; never below zero.
  JsonLine& span(std::string_view key, Duration value);
  /// RFC 3339 in UTC, to the millisecond.
  JsonLine& time(std::string_view key, WallTime value);

  /// The line, without a line end; the object is used up.
  [[nodiscard]] std::string take();

 private:
  void begin(std::string_view key);
  void append_quoted(std::string_view value);

  std::string text_;
};

}  // namespace mailpool::events

#pragma once
// Which of the keys that Postfix asks for one address is the last one.
//
// For transport_maps Postfix asks for user+ext@mail.example.com, user@mail.example.com,
// mail.example.com, .example.com, .com, each in all tables before the next. A table that answered
// the first would win over the operator's entries for the domain in the other tables; one that
// answers only the last loses to all of them, "*" apart.

#include <cstddef>
#include <string_view>

#include "core/map/layout.h"

namespace mailpool::postfix {

class KeySequence {
 public:
  /// The address's domain, as it was written, if `key` ends the sequence of the last address seen;
  /// else empty. Valid until the next call.
  [[nodiscard]] std::string_view domain_if_last(std::string_view key);

 private:
  char domain_[4 * map::most_domain_octets + 1] = {};  // UTF-8 is longer than the A-label sometimes
  std::size_t length_ = 0;
};

}  // namespace mailpool::postfix

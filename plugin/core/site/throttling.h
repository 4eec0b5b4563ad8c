#pragma once
// Which replies ask for less: the table of throttling replies, by provider and text.
//
// A row is found by a piece of the server's own words (remark.h) in small letters; the first that
// fits counts, and the rows of what is no throttling stand first. mailpool.toml(5) lists the table,
// and a test compares.

#include <cstdint>
#include <span>
#include <string_view>

#include "core/message/remark.h"

namespace mailpool::site {

enum class Meaning : std::uint8_t {
  Nothing,        ///< not of this table: a verdict on one message or one mailbox
  Throttle,       ///< the server asks for less
  ConnectionCap,  ///< this connection has carried all that it may: open another
};

struct ThrottlingRow {
  std::string_view who;   ///< the provider or software that says it; "any"
  std::string_view text;  ///< a piece of the reply, in small letters
  Meaning meaning;
  bool permanent_too = false;  ///< said with 5xx as well
};

[[nodiscard]] std::span<ThrottlingRow const> throttling_rows();
/// Null: no row fits.
[[nodiscard]] ThrottlingRow const* row_for(Remark const& remark);
[[nodiscard]] Meaning meaning_of(Remark const& remark);

}  // namespace mailpool::site

#include "core/site/throttling.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/base/text.h"

namespace mailpool::site {
namespace {

using enum Meaning;

constexpr auto table = std::to_array<ThrottlingRow>({
    // Verdicts on one message, one mailbox or a first attempt, in words that would fit below.
    {"any", "greylist", Nothing},
    {"any", "graylist", Nothing},
    {"any", "grey-list", Nothing},
    {"any", "gray-list", Nothing},
    {"any", "grey list", Nothing},
    {"any", "postgrey", Nothing},
    {"any", "too many recipients", Nothing},
    {"any", "mailbox full", Nothing},
    {"any", "over quota", Nothing},
    {"any", "quota exceeded", Nothing},
    {"google", "the user you are trying to contact", Nothing},

    {"yahoo", "max message per connection", ConnectionCap},
    {"outlook", "number of messages per connection", ConnectionCap},
    {"netvigator", "too many messages for this session", ConnectionCap},
    {"any", "messages per connection", ConnectionCap},
    {"any", "messages per session", ConnectionCap},
    {"any", "messages in this session", ConnectionCap},
    {"any", "messages on this connection", ConnectionCap},
    {"any", "transactions per connection", ConnectionCap},
    {"exim", "too many messages in one connection", ConnectionCap},

    {"google", "4.7.28", Throttle},
    {"google", "unusual rate", Throttle},
    {"outlook", "4.7.650", Throttle},
    {"outlook", "4.7.652", Throttle},
    {"outlook", "temporarily rate limited", Throttle},
    {"outlook", "exceeded the rate limit", Throttle},
    {"outlook", "exceeded the maximum number of connections", Throttle},
    {"outlook", "max concurrent connections", Throttle},
    {"office365", "server busy", Throttle},
    {"yahoo", "temporarily deferred", Throttle},
    {"yahoo", "[ts0", Throttle},
    {"yahoo", "[tss0", Throttle},
    {"yahoo", "[ipts0", Throttle},
    {"apple", "service unavailable - try again later", Throttle},
    {"comcast", "rl0000", Throttle},
    {"orange", "trop de connexions", Throttle},
    {"qq", "frequency limited", Throttle, true},
    {"exchange", "maximum number of concurrent connections", Throttle},
    {"postfix", "too much mail from", Throttle},
    {"any", "too many connections", Throttle},
    {"any", "too many concurrent", Throttle},
    {"any", "too many simultaneous", Throttle},
    {"any", "too many sessions", Throttle},
    {"any", "too many messages", Throttle},
    {"any", "connection limit exceeded", Throttle},
    {"any", "connection rate", Throttle},
    {"any", "rate limit", Throttle},
    {"any", "rate-limit", Throttle},
    {"any", "ratelimit", Throttle},
    {"any", "throttl", Throttle},
    {"any", "slow down", Throttle},
    {"any", "too fast", Throttle},
});

}  // namespace

std::span<ThrottlingRow const> throttling_rows() {
  return table;
}

ThrottlingRow const* row_for(Remark const& remark) {
  auto const line = ascii_lower(own_words(remark));
  bool const is_permanent = remark.code >= 500;
  auto const row = std::find_if(table.begin(), table.end(), [&](ThrottlingRow const& r) {
    return (!is_permanent || r.permanent_too) && line.find(r.text) != std::string::npos;
  });
  return row == table.end() ? nullptr : &*row;
}

Meaning meaning_of(Remark const& remark) {
  auto const* row = row_for(remark);
  return row == nullptr ? Nothing : row->meaning;
}

}  // namespace mailpool::site

#include "core/site/learned_cap.h"

namespace mailpool::site {

bool LearnedCap::ended_after(std::uint32_t messages, TimePoint opened, TimePoint now) {
  if (messages == 0) return false;
  bool const is_same_event = opened < last_end_;
  last_end_ = now;
  if (is_same_event) {
    if (messages != suspected_) suspected_ = seen_ = 0;
    return false;
  }
  if (messages == most_ && now < expires_) return settle(messages, now);
  if (messages != suspected_) {
    suspected_ = messages;
    seen_ = 0;
  }
  if (++seen_ < enough) return false;
  return settle(messages, now);
}

bool LearnedCap::settle(std::uint32_t messages, TimePoint now) {
  bool const is_news = most(now) != messages;
  most_ = suspected_ = messages;
  seen_ = enough;
  expires_ = after(now, remembered_for);
  tried_from_ = after(now, tried_every);
  return is_news;
}

bool LearnedCap::carried(std::uint32_t messages) {
  if (suspected_ != 0 && messages > suspected_) suspected_ = seen_ = 0;
  if (most_ == 0 || messages <= most_) return false;
  most_ = 0;
  return true;
}

void LearnedCap::forget() {
  *this = {};
}

std::optional<std::uint32_t> LearnedCap::most(TimePoint now) const {
  if (most_ == 0 || now >= expires_ || now >= tried_from_) return std::nullopt;
  return most_;
}

void LearnedCap::restore(std::uint32_t most, TimePoint expires, TimePoint now) {
  most_ = most;
  expires_ = expires;
  tried_from_ = after(now, tried_every);
}

}  // namespace mailpool::site

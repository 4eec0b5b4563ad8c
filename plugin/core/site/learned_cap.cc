#include "core/site/learned_cap.h"

namespace mailpool::site {

bool LearnedCap::ended_after(std::uint32_t messages, TimePoint now) {
  if (messages == 0) return false;
  if (messages != suspected_) {
    suspected_ = messages;
    seen_ = 0;
  }
  if (++seen_ < enough) return false;
  seen_ = enough;
  bool const is_news = most(now) != messages;
  most_ = messages;
  expires_ = after(now, remembered_for);
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
  if (most_ == 0 || now >= expires_) return std::nullopt;
  return most_;
}

void LearnedCap::restore(std::uint32_t most, TimePoint expires) {
  most_ = most;
  expires_ = expires;
}

}  // namespace mailpool::site

#include "bench/load/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace mailpool::load {

std::string address_of(Plan const& plan, std::uint64_t user, std::uint64_t domain) {
  std::string address;
  std::uint64_t const numbers[] = {user, domain};
  std::size_t used = 0;
  for (std::size_t i = 0; i < plan.address.size(); ++i) {
    if (used < 2 && plan.address.compare(i, 2, "%d") == 0) {
      address += std::to_string(numbers[used++]);
      ++i;
    } else {
      address += plan.address[i];
    }
  }
  return address;
}

std::string content_of(Plan const& plan, std::uint64_t n) {
  auto content =
      fmt::format("From: <{}>\r\nTo: <{}>\r\nSubject: load {}\r\nMessage-ID: <{}@{}>\r\n\r\n",
                  plan.from, address_of(plan, n, n % plan.domains), n, n, plan.hostname);
  static std::string const line = std::string(74, 'x') + "\r\n";
  content.reserve(std::max<std::size_t>(content.size(), plan.size) + line.size());
  while (content.size() + line.size() <= plan.size) content += line;
  if (content.size() + 2 <= plan.size)
    content += std::string(plan.size - content.size() - 2, 'y') + "\r\n";
  return content;
}

TimePoint Dispenser::next_due(TimePoint now) const {
  if (taken_ >= plan_.messages) return never;
  auto const due = plan_.rate > 0 ? start_ + Duration(static_cast<Duration::rep>(
                                                 static_cast<double>(taken_) * 1e9 / plan_.rate))
                                  : std::max(start_, now);
  bool const too_late = plan_.duration > Duration::zero() && due >= start_ + plan_.duration;
  return too_late ? never : due;
}

bool Dispenser::is_exhausted(TimePoint now) const {
  return next_due(now) == never;
}

std::optional<Dispenser::Ticket> Dispenser::take(TimePoint now) {
  auto const due = next_due(now);
  if (due > now) return {};
  return Ticket{taken_++, due};
}

}  // namespace mailpool::load

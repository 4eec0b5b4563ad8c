#include "core/imap/server_health.h"

#include <algorithm>

namespace mailpool::imap {
namespace {

constexpr Duration first_back_off = std::chrono::milliseconds(500);
constexpr Duration longest_back_off = std::chrono::seconds(15);

}  // namespace

bool ServerHealth::has_other(std::size_t server) const {
  for (std::size_t i = 0; i < records_.size(); ++i)
    if (i != server && records_[i].failures == 0) return true;
  return false;
}

void ServerHealth::note_failure(std::size_t server, std::string why, TimePoint now) {
  // Of a server that the settings do not have any more.
  if (server >= records_.size()) return;
  auto& record = records_[server];
  record.why = std::move(why);
  record.is_probed = false;
  record.is_full = false;
  // Several connections that fail together are one failure.
  if (now < record.not_before) return;
  auto const wait = first_back_off * (1LL << std::min(record.failures, 5U));
  ++record.failures;
  record.not_before = after(now, std::min<Duration>(wait, longest_back_off));
}

void ServerHealth::note_full(std::size_t server, std::string why, TimePoint now) {
  note_failure(server, std::move(why), now);
  if (server < records_.size()) records_[server].is_full = true;
}

bool ServerHealth::is_one_full(TimePoint now) const {
  return std::any_of(records_.begin(), records_.end(), [&](Record const& record) {
    return record.is_full && now < record.not_before;
  });
}

std::optional<std::size_t> ServerHealth::to_probe(TimePoint now) const {
  for (std::size_t i = 0; i < records_.size(); ++i)
    if (records_[i].failures != 0 && !records_[i].is_probed && now >= records_[i].not_before &&
        has_other(i))
      return i;
  return std::nullopt;
}

TimePoint ServerHealth::next_try(TimePoint now) const {
  auto next = never;
  for (auto const& record : records_)
    if (now < record.not_before) next = std::min(next, record.not_before);
  return next;
}

TimePoint ServerHealth::next_probe() const {
  auto next = never;
  for (std::size_t i = 0; i < records_.size(); ++i)
    if (records_[i].failures != 0 && !records_[i].is_probed && has_other(i))
      next = std::min(next, records_[i].not_before);
  return next;
}

}  // namespace mailpool::imap

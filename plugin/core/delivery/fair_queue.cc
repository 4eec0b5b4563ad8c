#include "core/delivery/fair_queue.h"

#include <algorithm>

namespace mailpool::delivery {
namespace {

constexpr std::uint64_t one_turn = 1'000'000'000;  // of priority 1

}  // namespace

std::size_t FairQueue::domains() const {
  std::size_t n = 0;
  for (auto const& [key, group] : groups_) n += group.ring.size();
  return n;
}

std::size_t FairQueue::size_with(site::Levels const& levels) const {
  auto const group = groups_.find({levels.tenant, levels.sender_domain});
  if (group == groups_.end()) return 0;
  if (levels.domain == nullptr) return group->second.size;
  auto const line = group->second.by_domain.find(levels.domain->name());
  return line == group->second.by_domain.end() ? 0 : line->second->size;
}

FairQueue::Group& FairQueue::group_of(Transaction const& transaction) {
  auto const key = key_of(transaction);
  auto const [at, is_new] = groups_.try_emplace(key);
  auto& group = at->second;
  group.stride = one_turn / std::max<std::uint32_t>(transaction.priority, 1);
  if (is_new) {
    // Who was away has saved nothing up.
    group.key = key;
    group.turn = turn_;
    group.since = ++clock_;
  }
  return group;
}

FairQueue::DomainLine& FairQueue::line_of(Group& group, Transaction const& transaction,
                                          bool in_front) {
  auto& ring = group.ring;
  auto const known = group.by_domain.find(transaction.domain);
  if (known != group.by_domain.end()) {
    if (in_front) ring.splice(ring.begin(), ring, known->second);
    return *known->second;
  }
  auto const at =
      ring.insert(in_front ? ring.begin() : ring.end(), DomainLine{transaction.domain, {}});
  group.by_domain.emplace(at->domain, at);
  return *at;
}

void FairQueue::push(Transaction& transaction) {
  auto& group = group_of(transaction);
  auto& domain = line_of(group, transaction, false);
  auto& messages = domain.messages;
  // A message's transactions come one after the other, so its line is mostly the last one.
  auto at = std::find_if(messages.rbegin(), messages.rend(),
                         [&](auto const& m) { return m.message == transaction.delivery; });
  auto& line =
      at == messages.rend() ? messages.emplace_back(MessageLine{transaction.delivery, {}}) : *at;
  line.transactions.push_back(&transaction);
  count(group, domain, 1);
}

void FairQueue::push_front(Transaction& transaction) {
  auto& group = group_of(transaction);
  group.turn = std::min(group.turn, turn_);
  group.since = 0;
  auto& domain = line_of(group, transaction, true);
  auto& messages = domain.messages;
  auto at = std::find_if(messages.begin(), messages.end(),
                         [&](auto const& m) { return m.message == transaction.delivery; });
  if (at == messages.end())
    at = messages.insert(messages.begin(), MessageLine{transaction.delivery, {}});
  at->transactions.push_front(&transaction);
  messages.splice(messages.begin(), messages, at);
  count(group, domain, 1);
}

bool FairQueue::remove(Transaction const& transaction) {
  auto const place = groups_.find(key_of(transaction));
  if (place == groups_.end()) return false;
  auto& group = place->second;
  auto const known = group.by_domain.find(transaction.domain);
  if (known == group.by_domain.end()) return false;
  auto const line = known->second;
  for (auto message = line->messages.begin(); message != line->messages.end(); ++message) {
    auto const at =
        std::find(message->transactions.begin(), message->transactions.end(), &transaction);
    if (at == message->transactions.end()) continue;
    message->transactions.erase(at);
    count(group, *line, -1);
    if (message->transactions.empty()) line->messages.erase(message);
    if (line->messages.empty()) {
      group.by_domain.erase(known);
      group.ring.erase(line);
    }
    if (group.ring.empty()) groups_.erase(place);
    return true;
  }
  return false;
}

void FairQueue::count(Group& group, DomainLine& domain, int more) {
  auto const n = static_cast<std::size_t>(more);  // wraps as it should
  group.size += n;
  domain.size += n;
  size_ += n;
}

void FairQueue::take_first(Group& group, DomainLine& domain,
                           std::list<MessageLine>::iterator message) {
  message->transactions.pop_front();
  count(group, domain, -1);
  if (message->transactions.empty()) {
    domain.messages.erase(message);
  } else {
    domain.messages.splice(domain.messages.end(), domain.messages, message);
  }
}

void FairQueue::took(Group& group, Ring::iterator line, bool kept_some) {
  turn_ = std::max(turn_, group.turn);
  group.turn += group.stride;
  group.since = ++clock_;
  if (line->messages.empty()) {
    group.by_domain.erase(line->domain);
    group.ring.erase(line);
    return;
  }
  // What was kept has been asked already: the line has its next turn in the next visit.
  if (!kept_some) line->done_in = 0;
  group.ring.splice(group.ring.end(), group.ring, line);
  if (group.next == group.ring.end() && !kept_some) group.next = line;
}

std::vector<FairQueue::Group*> FairQueue::begin_visit() {
  ++visit_;
  std::vector<Group*> all;
  all.reserve(groups_.size());
  for (auto& [key, group] : groups_) {
    group.next = group.ring.begin();
    all.push_back(&group);
  }
  std::make_heap(all.begin(), all.end(), &goes_later);
  return all;
}

}  // namespace mailpool::delivery

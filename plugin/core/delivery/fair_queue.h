#pragma once
// Who of a site's waiting transactions goes next. Those with the same tenant and sender domain
// stand in one group; groups take turns in proportion to the tenant's priority. Within a group
// domains go in turn, within a domain messages in turn, within a message in order.

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/delivery/transaction.h"

namespace mailpool::delivery {

class FairQueue {
 public:
  /// What a visitor did with the transaction it was shown.
  enum class Verdict : std::uint8_t {
    Taken,       ///< remove it; its message and its domain go to the end of their rings
    Keep,        ///< leave it; show the next message of the domain
    SkipDomain,  ///< leave it; the domain is at a limit
    SkipGroup,   ///< leave it; the tenant, the sender domain or its source is at a limit
    Stop,        ///< leave it; nothing further can go
  };

  FairQueue() = default;
  FairQueue(FairQueue const&) = delete;
  FairQueue& operator=(FairQueue const&) = delete;

  void push(Transaction& transaction);
  /// In front of its domain, its domain in front of the others, its group's turn is next: a retry
  /// keeps its place.
  void push_front(Transaction& transaction);
  bool remove(Transaction const& transaction);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t domains() const;
  [[nodiscard]] std::size_t groups() const { return groups_.size(); }
  /// Those with the same tenant and sender domain; of one domain where it has limits of its own.
  [[nodiscard]] std::size_t size_with(site::Levels const& levels) const;

  /// Shows transactions in the order in which they should go, until each was taken, kept or
  /// skipped. The visitor must not change the queue.
  template <class Visitor>
  void visit(Visitor&& visitor);
  /// Shows every waiting transaction, in no particular order; the visitor must not change the
  /// queue.
  template <class Visitor>
  void for_each(Visitor&& visitor) const;

 private:
  struct MessageLine {
    Delivery const* message;
    std::list<Transaction*> transactions;
  };
  struct DomainLine {
    std::string domain;
    std::list<MessageLine> messages;
    std::size_t size = 0;       ///< transactions
    std::uint64_t done_in = 0;  ///< the visit that has nothing more to ask of it
  };
  using Ring = std::list<DomainLine>;
  using Key = std::pair<site::Scope const*, site::Scope const*>;  ///< tenant, sender domain
  struct Group {
    Key key;
    std::size_t size = 0;      ///< transactions
    std::uint64_t stride = 0;  ///< what one turn costs: the less, the more often it goes
    std::uint64_t turn = 0;    ///< the group with the lowest goes next
    std::uint64_t since = 0;   ///< of two alike the one that took its turn longer ago
    Ring ring;
    std::unordered_map<std::string_view, Ring::iterator> by_domain;  ///< keys point into the lines
    Ring::iterator next;                                             ///< while visited
  };

  static Key key_of(Transaction const& t) { return {t.levels.tenant, t.levels.sender_domain}; }
  Group& group_of(Transaction const& transaction);
  DomainLine& line_of(Group& group, Transaction const& transaction, bool in_front);
  /// Removes the first transaction of `message`, which stands in `domain`.
  void take_first(Group& group, DomainLine& domain, std::list<MessageLine>::iterator message);
  void count(Group& group, DomainLine& domain, int more);
  void took(Group& group, Ring::iterator line, bool kept_some);
  [[nodiscard]] std::vector<Group*> begin_visit();
  static bool goes_later(Group const* a, Group const* b) {
    return std::pair(a->turn, a->since) > std::pair(b->turn, b->since);
  }
  /// Shows transactions of one line; Keep: every message was kept.
  template <class Visitor>
  Verdict visit_line(Group& group, Visitor&& visitor);

  std::map<Key, Group> groups_;
  std::size_t size_ = 0;
  std::uint64_t turn_ = 0;   ///< of the group that went last: where a new one begins
  std::uint64_t clock_ = 0;  ///< counts turns
  std::uint64_t visit_ = 0;
};

template <class Visitor>
FairQueue::Verdict FairQueue::visit_line(Group& group, Visitor&& visitor) {
  auto const line = group.next++;
  if (line->done_in == visit_) return Verdict::Keep;
  line->done_in = visit_;
  bool kept_some = false;
  for (auto message = line->messages.begin(); message != line->messages.end(); ++message) {
    auto const verdict = visitor(*message->transactions.front());
    if (verdict == Verdict::Keep) {
      kept_some = true;
      continue;
    }
    if (verdict == Verdict::Taken) {
      take_first(group, *line, message);
      took(group, line, kept_some);
    }
    return verdict;
  }
  return Verdict::Keep;
}

template <class Visitor>
void FairQueue::visit(Visitor&& visitor) {
  auto open = begin_visit();
  while (!open.empty()) {
    auto& group = *open.front();
    std::pop_heap(open.begin(), open.end(), &goes_later);
    open.pop_back();
    auto const verdict = visit_line(group, visitor);
    if (verdict == Verdict::Stop) return;
    if (verdict == Verdict::Taken && group.ring.empty()) {
      groups_.erase(group.key);
    } else if (verdict != Verdict::SkipGroup && group.next != group.ring.end()) {
      open.push_back(&group);
      std::push_heap(open.begin(), open.end(), &goes_later);
    }
  }
}

template <class Visitor>
void FairQueue::for_each(Visitor&& visitor) const {
  for (auto const& [key, group] : groups_)
    for (auto const& domain : group.ring)
      for (auto const& message : domain.messages)
        for (auto* transaction : message.transactions) visitor(*transaction);
}

}  // namespace mailpool::delivery

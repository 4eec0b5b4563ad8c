#pragma once
// Who of a site's waiting transactions goes next: domains in turn, within a domain messages in
// turn, within a message in order.

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/delivery/transaction.h"

namespace mailpool::delivery {

class FairQueue {
 public:
  /// What a visitor did with the transaction it was shown.
  enum class Verdict : std::uint8_t {
    Taken,       ///< remove it; its message and its domain go to the end of their rings
    Keep,        ///< leave it; show the next message of the domain
    SkipDomain,  ///< leave it; the domain is at a limit
    Stop,        ///< leave it; nothing further can go
  };

  FairQueue() = default;
  FairQueue(FairQueue const&) = delete;
  FairQueue& operator=(FairQueue const&) = delete;

  void push(Transaction& transaction);
  /// In front of its domain, and its domain in front of the others: a retry keeps its place.
  void push_front(Transaction& transaction);
  bool remove(Transaction const& transaction);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t domains() const { return ring_.size(); }

  /// Shows each domain's next transactions in turn, once around. The visitor must not change the
  /// queue.
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
  };
  using Ring = std::list<DomainLine>;

  DomainLine& line_of(Transaction const& transaction, bool in_front);
  /// Removes the first transaction of `message`, which stands in `domain`; true if the domain's
  /// line is empty now.
  bool take_first(DomainLine& domain, std::list<MessageLine>::iterator message);
  template <class Visitor>
  Verdict visit_domain(DomainLine& domain, Visitor&& visitor, bool& took);

  Ring ring_;
  std::unordered_map<std::string_view, Ring::iterator> by_domain_;  ///< keys point into the lines
  std::size_t size_ = 0;
};

template <class Visitor>
FairQueue::Verdict FairQueue::visit_domain(DomainLine& domain, Visitor&& visitor, bool& took) {
  took = false;
  for (auto message = domain.messages.begin(); message != domain.messages.end(); ++message) {
    auto const verdict = visitor(*message->transactions.front());
    if (verdict == Verdict::Keep) continue;
    if (verdict == Verdict::Taken) {
      took = true;
      take_first(domain, message);
    }
    return verdict;
  }
  return Verdict::Keep;
}

template <class Visitor>
void FairQueue::visit(Visitor&& visitor) {
  auto const rounds = ring_.size();
  auto at = ring_.begin();
  for (std::size_t i = 0; i < rounds && at != ring_.end(); ++i) {
    auto const here = at++;
    bool took = false;
    auto const verdict = visit_domain(*here, visitor, took);
    if (took) {
      if (here->messages.empty()) {
        by_domain_.erase(here->domain);
        ring_.erase(here);
      } else {
        ring_.splice(ring_.end(), ring_, here);
      }
    }
    if (verdict == Verdict::Stop) return;
  }
}

template <class Visitor>
void FairQueue::for_each(Visitor&& visitor) const {
  for (auto const& domain : ring_)
    for (auto const& message : domain.messages)
      for (auto* transaction : message.transactions) visitor(*transaction);
}

}  // namespace mailpool::delivery

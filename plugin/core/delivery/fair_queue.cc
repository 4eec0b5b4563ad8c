#include "core/delivery/fair_queue.h"

#include <algorithm>

namespace mailpool::delivery {

FairQueue::DomainLine& FairQueue::line_of(Transaction const& transaction, bool in_front) {
  auto const known = by_domain_.find(transaction.domain);
  if (known != by_domain_.end()) {
    if (in_front) ring_.splice(ring_.begin(), ring_, known->second);
    return *known->second;
  }
  auto const at =
      ring_.insert(in_front ? ring_.begin() : ring_.end(), DomainLine{transaction.domain, {}});
  by_domain_.emplace(at->domain, at);
  return *at;
}

void FairQueue::push(Transaction& transaction) {
  auto& messages = line_of(transaction, false).messages;
  auto at = std::find_if(messages.begin(), messages.end(),
                         [&](auto const& m) { return m.message == transaction.delivery; });
  if (at == messages.end())
    at = messages.insert(messages.end(), MessageLine{transaction.delivery, {}});
  at->transactions.push_back(&transaction);
  ++size_;
}

void FairQueue::push_front(Transaction& transaction) {
  auto& messages = line_of(transaction, true).messages;
  auto at = std::find_if(messages.begin(), messages.end(),
                         [&](auto const& m) { return m.message == transaction.delivery; });
  if (at == messages.end())
    at = messages.insert(messages.begin(), MessageLine{transaction.delivery, {}});
  at->transactions.push_front(&transaction);
  messages.splice(messages.begin(), messages, at);
  ++size_;
}

bool FairQueue::remove(Transaction const& transaction) {
  auto const known = by_domain_.find(transaction.domain);
  if (known == by_domain_.end()) return false;
  auto const line = known->second;
  for (auto message = line->messages.begin(); message != line->messages.end(); ++message) {
    auto const at =
        std::find(message->transactions.begin(), message->transactions.end(), &transaction);
    if (at == message->transactions.end()) continue;
    message->transactions.erase(at);
    --size_;
    if (message->transactions.empty()) line->messages.erase(message);
    if (line->messages.empty()) {
      by_domain_.erase(known);
      ring_.erase(line);
    }
    return true;
  }
  return false;
}

bool FairQueue::take_first(DomainLine& domain, std::list<MessageLine>::iterator message) {
  message->transactions.pop_front();
  --size_;
  if (message->transactions.empty()) {
    domain.messages.erase(message);
  } else {
    domain.messages.splice(domain.messages.end(), domain.messages, message);
  }
  return domain.messages.empty();
}

}  // namespace mailpool::delivery

#include "core/smtp/tally.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace mailpool::smtp {
namespace {

// A result names one kind of retry for all that have one. The order loses nothing: what is tried
// again on a connection meets the other obstacle there once more.
Retry strongest(std::vector<Retry> const& retries) {
  for (auto kind : {Retry::FreshConnection, Retry::SameConnection, Retry::OtherHost})
    if (std::find(retries.begin(), retries.end(), kind) != retries.end()) return kind;
  return Retry::Nothing;
}

}  // namespace

std::string_view name_of(Retry retry) {
  switch (retry) {
    case Retry::Nothing:
      return "nothing";
    case Retry::FreshConnection:
      return "fresh_connection";
    case Retry::SameConnection:
      return "same_connection";
    case Retry::OtherHost:
      return "other_host";
  }
  return "nothing";
}

void Tally::begin(std::size_t recipients) {
  standing_.assign(recipients, Standing::Unasked);
  retries_.assign(recipients, Retry::Nothing);
  results_.resize(recipients);
  accepted_ = 0;
  unsettled_ = recipients;
}

void Tally::move(std::size_t i, Standing to) {
  assert(standing_[i] != Standing::Settled && "an outcome is given once");
  if (standing_[i] == Standing::Accepted) --accepted_;
  if (to == Standing::Accepted) ++accepted_;
  if (to == Standing::Settled) --unsettled_;
  standing_[i] = to;
}

void Tally::ask(std::size_t i) {
  move(i, Standing::Asked);
}

void Tally::accept(std::size_t i) {
  move(i, Standing::Accepted);
}

void Tally::settle(std::size_t i, Outcome outcome, Retry retry) {
  move(i, Standing::Settled);
  results_[i] = {std::move(outcome), retry != Retry::Nothing};
  retries_[i] = retry;
}

void Tally::settle_open(Outcome const& outcome, Retry retry) {
  for (std::size_t i = 0; i < size(); ++i)
    if (standing_[i] != Standing::Settled) settle(i, outcome, retry);
}

void Tally::reopen_accepted() {
  for (std::size_t i = 0; i < size(); ++i)
    if (standing_[i] == Standing::Accepted) move(i, Standing::Unasked);
}

void Tally::retry_deferred(Retry retry) {
  for (std::size_t i = 0; i < size(); ++i) {
    if (standing_[i] != Standing::Settled || results_[i].outcome.kind != OutcomeKind::Deferred)
      continue;
    results_[i].may_retry = true;
    retries_[i] = retry;
  }
}

void Tally::forbid_retries() {
  for (auto& result : results_) result.may_retry = false;
  std::fill(retries_.begin(), retries_.end(), Retry::Nothing);
}

std::size_t Tally::next_unasked(std::size_t from) const {
  auto const first = standing_.begin() + static_cast<std::ptrdiff_t>(std::min(from, size()));
  return static_cast<std::size_t>(std::find(first, standing_.end(), Standing::Unasked) -
                                  standing_.begin());
}

TransactionResult Tally::take(bool is_connection_over, std::string reason) {
  assert(unsettled_ == 0 && "every recipient has an outcome when the transaction is over");
  auto retry = strongest(retries_);
  if (retry == Retry::SameConnection && is_connection_over) {
    for (std::size_t i = 0; i < size(); ++i)
      if (retries_[i] == Retry::SameConnection) {
        results_[i].may_retry = false;
        retries_[i] = Retry::Nothing;
      }
    retry = strongest(retries_);
  }
  return {std::exchange(results_, {}), retry, std::move(reason)};
}

}  // namespace mailpool::smtp

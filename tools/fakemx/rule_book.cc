#include "fakemx/rule_book.h"

#include <algorithm>

namespace mailpool::fakemx {

namespace {

bool holds(std::optional<NumberSet> const& set, std::uint64_t n) {
  return !set || set->contains(n);
}

bool any_matches(AddressGlobs const& globs, std::span<std::string const> addresses) {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](std::string const& address) { return globs.matches(address); });
}

/// All but at=, after=, nth= and odds=.
bool applies(Rule const& rule, Occasion const& now) {
  auto const& when = rule.when;
  return rule.stages.has(now.stage) && holds(when.connection, now.connection) &&
         holds(when.listener, now.listener) && holds(when.message, now.message) &&
         holds(when.total, now.total) &&
         (now.stage != Stage::Rcpt || holds(when.recipient, now.recipient)) &&
         (now.stage != Stage::Bdat || holds(when.chunk, now.chunk)) &&
         (!when.tls || *when.tls == now.tls) && (!when.helo || when.helo->matches(now.helo)) &&
         (!when.from || when.from->matches(now.from)) &&
         (!when.to || any_matches(*when.to, now.to));
}

bool is_due(Rule const& rule, Occasion const& now) {
  return (now.stage != Stage::Body || rule.when.at == now.at) &&
         (now.stage != Stage::Idle ||
          (rule.when.after > now.idle_before && rule.when.after <= now.idle_for));
}

}  // namespace

void RuleBook::replace(std::vector<Rule> rules) {
  entries_.clear();
  stages_ = {};
  append(std::move(rules));
}

void RuleBook::append(std::vector<Rule> rules) {
  for (auto& rule : rules) {
    for (std::size_t i = 0; i < stage_count; ++i)
      if (rule.stages.has(static_cast<Stage>(i))) stages_.add(static_cast<Stage>(i));
    entries_.push_back({std::make_shared<Rule const>(std::move(rule)), 0});
  }
}

std::shared_ptr<Rule const> RuleBook::select(Occasion const& occasion) {
  if (!speaks_of(occasion.stage)) return {};
  for (auto& entry : entries_) {
    if (!applies(*entry.rule, occasion) || !is_due(*entry.rule, occasion)) continue;
    auto const& when = entry.rule->when;
    ++entry.met;
    if (!holds(when.nth, entry.met)) continue;
    if (when.odds < 1 && std::uniform_real_distribution<>()(random_) >= when.odds) continue;
    return entry.rule;
  }
  return {};
}

std::uint64_t RuleBook::next_body_stop(Occasion const& occasion) const {
  auto stop = UINT64_MAX;
  if (!speaks_of(Stage::Body)) return stop;
  for (auto const& entry : entries_)
    if (entry.rule->when.at >= occasion.at && applies(*entry.rule, occasion))
      stop = std::min(stop, entry.rule->when.at);
  return stop;
}

Duration RuleBook::next_idle_stop(Occasion const& occasion) const {
  auto stop = Duration::zero();
  if (!speaks_of(Stage::Idle)) return stop;
  for (auto const& entry : entries_) {
    auto const after = entry.rule->when.after;
    if (after > occasion.idle_for && applies(*entry.rule, occasion) &&
        (stop == Duration::zero() || after < stop))
      stop = after;
  }
  return stop;
}

}  // namespace mailpool::fakemx

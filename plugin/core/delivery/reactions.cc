#include "core/delivery/reactions.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/base/text.h"
#include "core/delivery/telling.h"
#include "core/rules/book.h"
#include "core/site/throttling.h"

namespace mailpool::delivery {
namespace {

// A reply to RCPT may speak of that recipient alone: so many different ones must get it within a
// minute before it speaks of us.
constexpr std::size_t several_recipients = 3;
constexpr Duration recipients_within = std::chrono::minutes(1);
constexpr std::size_t most_refused_recipients = 64;
constexpr std::size_t longest_reason = 200;

site::Ceiling ceiling_of(SiteSettings const& settings) {
  return {settings.rate, settings.max_connections, settings.adaptive};
}

// "421 4.3.2": the system is not accepting messages (RFC 3463 3.4), however many it took.
bool says_it_stops(Remark const& remark) {
  return std::string_view(remark.line).substr(0, 9) == "421 4.3.2";
}

// 421 ends the connection; 452 to MAIL has no recipient to speak of.
bool may_be_a_cap(Remark const& remark, Occasion const& occasion) {
  if (occasion.carried == 0 || says_it_stops(remark)) return false;
  if (remark.at == Step::Idle) return remark.code == 421 && occasion.is_soon;
  if (remark.at == Step::Mail) return remark.code == 421 || remark.code == 452;
  return remark.code == 421 && (remark.at == Step::Rcpt || remark.at == Step::Data);
}

}  // namespace

Reactions::Reactions(PathName const& path, SiteSettings const& settings, rules::Windows& windows,
                     Context& context)
    : path_(path),
      settings_(settings),
      context_(context),
      adaptive_(ceiling_of(settings)),
      windows_(windows),
      overrides_(path, context) {
  recall();
}

void Reactions::reconfigure() {
  adaptive_.reconfigure(ceiling_of(settings_));
  windows_.clear();
}

Rate Reactions::rate() const {
  return overrides_.tightened(adaptive_.rate());
}

std::uint32_t Reactions::max_connections() const {
  return overrides_.tightened_connections(adaptive_.connections()).value_or(0);
}

std::uint32_t Reactions::max_messages() const {
  auto allowed = settings_.max_messages;
  if (auto const cap = cap_.most(context_.clock.now())) allowed = std::min(allowed, *cap);
  return overrides_.tightened_messages(allowed);
}

std::string Reactions::why_lowered() const {
  auto words =
      adaptive_.is_lowered() ? fmt::format("adaptive: {}", adaptive_.why()) : std::string();
  auto const by_rules = overrides_.words();
  return words.empty() || by_rules.empty() ? words + by_rules : words + "; " + by_rules;
}

Consequences Reactions::heard(std::span<Remark const> remarks, Occasion const& occasion,
                              TimePoint now) {
  Consequences consequences;
  auto const before = rate();
  bool is_told = false;  // one transaction is one message, however many recipients were refused
  for (auto const& remark : remarks) {
    if (teaches_a_cap(remark, occasion, now))
      consequences.is_changed = true;
    else if (is_throttle(remark, occasion, now) &&
             adaptive_.throttled(occasion.began, remark.line, now))
      consequences.is_changed = is_told = true;
  }
  if (is_told) {
    keep_adaptive(now);
    context_.log.warning(
        fmt::format("adaptive site={} rate=\"{}\" max_connections={} level={:.3f} reason=\"{}\"",
                    path_.in_log(), adaptive_.rate().to_string(), adaptive_.connections(),
                    adaptive_.level(), adaptive_.why()));
    tell_allowance(context_, events::Kind::AllowanceLowered, path_, adaptive_, now);
  }
  for (auto const& remark : remarks) {
    if (context_.rules == nullptr) break;
    auto const number = context_.rules->find(std::string(path_.site), occasion.domain, remark);
    if (!number) continue;
    follow_rule(*number, remark, occasion, now, consequences);
    break;
  }
  return after_change(std::move(consequences), before, now);
}

// True: it is a cap's, and nothing else is to be made of it.
bool Reactions::teaches_a_cap(Remark const& remark, Occasion const& occasion, TimePoint now) {
  if (!may_be_a_cap(remark, occasion)) return false;
  bool const is_said = site::meaning_of(remark) == site::Meaning::ConnectionCap;
  bool const is_expected = cap_.is_expected(occasion.carried);
  if (cap_.ended_after(occasion.carried, occasion.opened, now)) keep_cap(now);
  return is_said || is_expected;
}

bool Reactions::is_throttle(Remark const& remark, Occasion const& occasion, TimePoint now) {
  if (site::meaning_of(remark) != site::Meaning::Throttle) return false;
  if (remark.at != Step::Rcpt || remark.code == 421) return true;
  std::erase_if(refused_recipients_,
                [&](auto const& r) { return now >= after(r.second, recipients_within); });
  if (remark.recipient < occasion.recipients.size() &&
      refused_recipients_.size() < most_refused_recipients)
    refused_recipients_[std::hash<std::string_view>()(occasion.recipients[remark.recipient])] = now;
  return refused_recipients_.size() >= several_recipients;
}

// Of the site's mail, the part; "": all of it. Nothing where the message has no such part: what is
// said of one sender must stop no others.
std::optional<std::string> Reactions::scope_of(RuleScope scope, Occasion const& occasion) const {
  auto const part = [](std::string_view kind, std::string_view name) {
    return name.empty() ? std::string() : fmt::format("{} {}", kind, name);
  };
  auto const named = [](std::string_view kind, std::string_view name) {
    return name.empty() ? std::nullopt : std::optional(fmt::format("{} {}", kind, name));
  };
  switch (scope) {
    case RuleScope::Site:
      return std::string();
    case RuleScope::Source:
      return part("source", occasion.source);
    case RuleScope::SenderDomain:
      return named("sender_domain", occasion.sender_domain);
    case RuleScope::Tenant:
      return named("tenant", occasion.tenant);
    case RuleScope::Campaign:
      return named("campaign", occasion.campaign);
    case RuleScope::Path:
      break;
  }
  return part("source", path_.source);
}

void Reactions::follow_rule(std::size_t number, Remark const& remark, Occasion const& occasion,
                            TimePoint now, Consequences& consequences) {
  auto const& rule = (*context_.rules)[number];
  auto const scope = rule.domain.empty() ? scope_of(rule.scope, occasion) : "domain " + rule.domain;
  if (scope && windows_.met(number, *scope, rule.after, now))
    act(rule, remark, *scope, occasion, now, consequences);
}

void Reactions::act(RuleSettings const& rule, Remark const& remark, std::string const& scope,
                    Occasion const& occasion, TimePoint now, Consequences& consequences) {
  site::Suspension why;
  why.until = after(now, rule.how_long);
  why.reason = printable(
      rule.reason.empty() ? remark.line : fmt::format("{} ({})", rule.reason, remark.line),
      longest_reason);
  why.by = "rule " + rule.where();
  consequences.rule = rule.where();
  context_.rules_acted.count(consequences.rule);
  context_.log.warning(fmt::format("rule site={}{}{} rule={} do={} for={} reason=\"{}\"",
                                   path_.site, scope.empty() ? "" : " scope=", scope, rule.where(),
                                   name_of(*rule.action), to_text(rule.how_long), why.reason));
  tell_rule(context_,
            {path_.site, path_.key(), occasion.source, scope, consequences.rule,
             name_of(*rule.action), why.reason, remark.line, rule.how_long},
            now);
  switch (*rule.action) {
    case RuleAction::Suspend:
      if (scope.empty()) {
        consequences.suspend = std::move(why);
      } else if (rule.scope == RuleScope::Source) {
        consequences.suspend_source = std::move(why);
      } else if (!rule.domain.empty()) {
        context_.domains_to_suspend.emplace_back(occasion.domain, std::move(why));
      } else {
        consequences.hold = PartHeld{scope, std::move(why)};
      }
      return;
    case RuleAction::BackOff:
      consequences.back_off = std::move(why);
      consequences.is_for_all_paths = rule.scope == RuleScope::Site;
      return;
    case RuleAction::Set:
      break;
  }
  Override override{rule.set, std::move(why), rule.where()};
  if (rule.scope == RuleScope::Site) {
    consequences.set_for_all = std::move(override);
    return;
  }
  overrides_.set(std::move(override));
  consequences.is_changed = true;
}

Consequences Reactions::after_change(Consequences consequences, Rate const& before, TimePoint) {
  if (consequences.is_changed) consequences.is_lowered = is_slower(rate(), before);
  return consequences;
}

Consequences Reactions::delivered(TimePoint began, std::uint32_t carried, TimePoint now) {
  Consequences consequences;
  if (cap_.carried(carried)) {
    context_.store.erase(state::Kind::LearnedCap, path_.key());
    consequences.is_changed = true;
  }
  if (adaptive_.delivered(began, now)) {
    consequences.is_changed = true;
    keep_adaptive(now);
    context_.log.info(fmt::format("adaptive site={} rate=\"{}\" max_connections={} level={:.3f}",
                                  path_.in_log(), adaptive_.rate().to_string(),
                                  adaptive_.connections(), adaptive_.level()));
    tell_allowance(context_, events::Kind::AllowanceRaised, path_, adaptive_, now);
  }
  return consequences;
}

Consequences Reactions::ended(Occasion const& occasion, TimePoint now) {
  Consequences consequences;
  if (occasion.carried == 0 || !occasion.is_soon) return consequences;
  if (!cap_.ended_after(occasion.carried, occasion.opened, now)) return consequences;
  keep_cap(now);
  consequences.is_changed = true;
  context_.log.info(
      fmt::format("learned site={} max_messages={} reason=\"the server ends "
                  "connections after so many\"",
                  path_.in_log(), occasion.carried));
  return consequences;
}

Consequences Reactions::expire(TimePoint now) {
  Consequences consequences;
  consequences.is_changed = overrides_.expire(now);
  return consequences;
}

TimePoint Reactions::deadline() const {
  return overrides_.deadline();
}

void Reactions::forget(TimePoint now) {
  adaptive_.forget();
  keep_adaptive(now);
  overrides_.clear();
  windows_.clear();
}

void Reactions::forget_cap() {
  cap_.forget();
  context_.store.erase(state::Kind::LearnedCap, path_.key());
}

}  // namespace mailpool::delivery

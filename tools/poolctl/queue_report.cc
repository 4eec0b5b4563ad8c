#include "poolctl/queue_report.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/parking/queue_list.h"

namespace mailpool::poolctl {
namespace {

constexpr std::string_view doors = "[mailpool/d/";
constexpr std::string_view sendmails = "Deferred: ";  // before the reply that it got

// Doors that many sites share are h and three digits.
bool is_shared_door(std::string_view door) {
  return door.size() == 4 && door.front() == 'h' &&
         door.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

bool is_site_name(std::string_view word) {
  return !word.empty() && word.find_first_of(" []<>()") == std::string_view::npos;
}

// "451 4.7.1 SITE: rate reached (20/min), next in 3s"
std::string site_in_words(std::string_view reply) {
  constexpr std::string_view code = "451 4.7.1 ";
  if (!reply.starts_with(code)) return {};
  reply.remove_prefix(code.size());
  auto const colon = reply.find(": ");
  if (colon == std::string_view::npos || !is_site_name(reply.substr(0, colon))) return {};
  return std::string(reply.substr(0, colon));
}

parking::Why why_of_reason(std::string_view reason) {
  if (reason.starts_with(sendmails)) return parking::why_said(reason.substr(sendmails.size()));
  return parking::why_told(reason).value_or(parking::Why::Other);
}

std::string_view domain_in(std::string_view address) {
  auto const at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

parking::Why why_of_word(std::string_view word) {
  for (std::size_t why = 0; why < parking::whys; ++why)
    if (parking::name_of(static_cast<parking::Why>(why)) == word)
      return static_cast<parking::Why>(why);
  return parking::Why::Other;
}

}  // namespace

std::uint32_t RememberedMessages::number_of(std::string const& name) {
  auto const [at, is_new] = numbers_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return at->second;
}

void RememberedMessages::add(control::ParkedMessage const& message) {
  by_id_[message.queue_id] = {number_of(message.site), number_of(message.tenant),
                              number_of(message.campaign), why_of_word(message.why)};
}

RememberedMessages::Message const* RememberedMessages::find(std::string const& id) const {
  auto const at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &at->second;
}

std::string site_told(std::string_view reason) {
  if (reason.starts_with(sendmails)) return site_in_words(reason.substr(sendmails.size()));
  auto const door = reason.find(doors);
  if (door == std::string_view::npos) return {};
  auto rest = reason.substr(door + doors.size());
  auto const close = rest.find(']');
  if (close == std::string_view::npos) return {};
  auto const name = rest.substr(0, close);
  if (!is_shared_door(name)) return std::string(name);
  constexpr std::string_view said = "] said: ";
  rest.remove_prefix(close);
  return rest.starts_with(said) ? site_in_words(rest.substr(said.size())) : std::string();
}

std::vector<Waiter> waiters_of(QueueEntry const& entry, RememberedMessages const& remembered) {
  std::vector<Waiter> all;
  if (auto const* known = remembered.find(entry.id)) {
    all.push_back({remembered.name(known->site), remembered.name(known->tenant),
                   remembered.name(known->campaign), known->why, &entry,
                   entry.recipients.empty() ? nullptr : &entry.recipients.front()});
    return all;
  }
  for (auto const& recipient : entry.recipients) {
    auto const why = why_of_reason(recipient.reason);
    auto site = site_told(recipient.reason);
    if (site.empty()) site = "@" + std::string(domain_in(recipient.address));
    bool const is_known = std::any_of(all.begin(), all.end(),
                                      [&](Waiter const& known) { return known.site == site; });
    if (!is_known) all.push_back({std::move(site), {}, {}, why, &entry, &recipient});
  }
  if (all.empty()) all.push_back({{}, {}, {}, parking::Why::Other, &entry, nullptr});
  return all;
}

bool QueueSelection::takes(Waiter const& waiter) const {
  auto const& entry = *waiter.entry;
  if (!site.empty() && ascii_lower(waiter.site) != ascii_lower(site)) return false;
  if (!tenant.empty() && waiter.tenant != tenant) return false;
  if (!campaign.empty() && waiter.campaign != ascii_lower(campaign)) return false;
  if (!reason.empty() && parking::name_of(waiter.why) != reason) return false;
  if (!sender.empty()) {
    auto const from = ascii_lower(entry.sender);
    auto const wanted = ascii_lower(sender);
    bool const is_domain = wanted.starts_with('@');
    if (is_domain ? domain_in(from) != wanted.substr(1) : from != wanted) return false;
  }
  if (domain.empty()) return true;
  return std::any_of(entry.recipients.begin(), entry.recipients.end(), [&](auto const& one) {
    return ascii_lower(domain_in(one.address)) == ascii_lower(domain);
  });
}

void QueueCounts::add(Waiter const& waiter) {
  auto const& entry = *waiter.entry;
  ++messages;
  if (entry.queue == "hold")
    ++held;
  else if (entry.queue != "deferred")
    ++active;
  else
    ++by_why[static_cast<std::size_t>(waiter.why)];
  if (entry.arrived != 0 && (oldest == 0 || entry.arrived < oldest)) oldest = entry.arrived;
}

void QueueReport::add(Waiter const& waiter) {
  all.add(waiter);
  by_site[waiter.site].add(waiter);
  if (!waiter.tenant.empty()) by_tenant[waiter.tenant].add(waiter);
  if (!waiter.campaign.empty()) by_campaign[waiter.campaign].add(waiter);
}

}  // namespace mailpool::poolctl

#include "core/delivery/logins.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.h"

namespace mailpool::delivery {
namespace {

// What could not be read is looked at again this soon: somebody may be mending it.
constexpr Duration read_again_after = std::chrono::seconds(10);

// One token may have run out; when the next is refused too, it is not for its age.
bool may_renew(Logins::Entry const& entry, TimePoint now) {
  return entry.settings.has_token() &&
         (!entry.renewed_at || now >= after(*entry.renewed_at, entry.settings.retry_after));
}

bool is_too_old(Logins::Entry const& entry, TimePoint now) {
  if (entry.version == 0) return now >= after(entry.read_at, read_again_after);
  return entry.settings.has_token() && now >= after(entry.read_at, entry.settings.refresh);
}

std::string mechanisms_of(LoginSettings const& settings) {
  std::string names;
  for (auto mechanism : settings.usable_mechanisms())
    names.append(names.empty() ? "" : " ").append(name_of(mechanism));
  return names;
}

}  // namespace

void Logins::reconfigure(Map const& logins) {
  std::erase_if(entries_, [&](auto const& known) { return !logins.contains(known.first); });
  wanted_.clear();
  for (auto const& [name, settings] : logins) {
    auto& entry = entries_[name];
    // Another user or file is another login, whatever its secret: connections are not shared.
    if (entry.version != 0 && entry.settings != settings) {
      entry.version = ++last_version_;
      entry.refusal.reset();
    }
    entry.settings = settings;
    entry.is_wanted = false;
    want(name, entry);
  }
}

void Logins::want(std::string const& name, Entry& entry) {
  if (std::exchange(entry.is_wanted, true)) return;
  wanted_.push_back(name);
}

std::vector<Logins::Wanted> Logins::take_wanted() {
  std::vector<Wanted> wanted;
  for (auto const& name : std::exchange(wanted_, {}))
    if (auto const it = entries_.find(name); it != entries_.end())
      wanted.push_back({name, it->second.settings});
  return wanted;
}

bool Logins::take(std::string const& name, Result<Secret> secret, TimePoint now) {
  auto const it = entries_.find(name);
  if (it == entries_.end()) return false;
  auto& entry = it->second;
  entry.is_wanted = false;
  entry.read_at = now;
  if (!secret) {
    entry.missing = secret.error().reason;
    entry.secret.clear();
    entry.version = 0;
    return true;
  }
  entry.missing.clear();
  bool const is_new = entry.version == 0 || !entry.secret.is(secret->reveal());
  if (!is_new) return false;
  entry.secret = std::move(*secret);
  entry.version = ++last_version_;
  entry.refusal.reset();
  return true;
}

Logins::Readiness Logins::ask(std::string const& name, TimePoint now) {
  auto const it = entries_.find(name);
  if (it != entries_.end() && !it->second.is_refused(now) && is_too_old(it->second, now))
    want(name, it->second);
  return readiness(name, now);
}

Logins::Readiness Logins::readiness(std::string const& name, TimePoint now) const {
  auto const it = entries_.find(name);
  if (it == entries_.end()) return Readiness::Unusable;
  auto const& entry = it->second;
  if (entry.is_wanted || (!entry.is_refused(now) && is_too_old(entry, now)))
    return Readiness::Reading;
  return is_unusable(name, now) ? Readiness::Unusable : Readiness::Ready;
}

bool Logins::is_unusable(std::string const& name, TimePoint now) const {
  auto const it = entries_.find(name);
  if (it == entries_.end()) return true;
  auto const& entry = it->second;
  return !entry.is_wanted && (entry.version == 0 || entry.is_refused(now));
}

Outcome Logins::why_unusable(std::string const& name, TimePoint now) const {
  auto const it = entries_.find(name);
  if (it == entries_.end())
    return Outcome::local(451, {4, 7, 8}, fmt::format("there is no [login.{}] any more", name));
  auto const& entry = it->second;
  if (entry.is_refused(now)) {
    auto outcome = *entry.refusal;
    outcome.text = printable(fmt::format("login {} was refused, next try in {} (retry_after): {}",
                                         name, to_text(entry.refused_until - now), outcome.text));
    return outcome;
  }
  auto const& why = entry.missing.empty() ? "its secret is still being read" : entry.missing;
  return Outcome::local(451, {4, 7, 8}, fmt::format("login {}: {}", name, why));
}

pool::Credential Logins::credential(LoginUse const& use) const {
  if (use.is_none()) return {};
  auto const it = entries_.find(use.name);
  if (it == entries_.end()) return {"gone", use.name, use.sender_domain, 0};
  auto const& entry = it->second;
  return {mechanisms_of(entry.settings), entry.settings.user, use.sender_domain, entry.version};
}

std::unique_ptr<smtp::Login> Logins::login(std::string const& name, std::string host,
                                           std::uint16_t port) const {
  auto const it = entries_.find(name);
  if (it == entries_.end() || it->second.version == 0 || !nonce_) return nullptr;
  auto const& settings = it->second.settings;
  sasl::Account account{settings.user, it->second.secret.copy(), std::move(host), port, nonce_()};
  return std::unique_ptr<smtp::Login>(new smtp::Login{
      name, {std::move(account), settings.usable_mechanisms()}, settings.allow_plaintext});
}

bool Logins::refused(std::string const& name, std::uint64_t version, Outcome outcome,
                     TimePoint now) {
  auto const it = entries_.find(name);
  if (it == entries_.end() || it->second.version != version) return false;
  auto& entry = it->second;
  entry.refusal = std::move(outcome);
  entry.refused_until = after(now, entry.settings.retry_after);
  if (may_renew(entry, now)) {
    entry.renewed_at = now;
    want(name, entry);
  }
  return true;
}

}  // namespace mailpool::delivery

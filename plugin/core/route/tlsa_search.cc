#include "core/route/tlsa_search.h"

#include <fmt/format.h>

#include <utility>

#include "core/route/dns_wire.h"
#include "core/route/known.h"

namespace mailpool::route {

TlsaSearch::TlsaSearch(Host const& host, Resolver& resolver, TlsaEvents& events)
    : resolver_(resolver),
      events_(events),
      canonical_(host.canonical),
      port_(host.port),
      is_signed_(host.is_signed) {
  facts_.host = facts_.tlsa_base = host.name;
}

void TlsaSearch::start() {
  bool const is_alias = !canonical_.empty() && canonical_ != facts_.host;
  if (is_signed_) {
    bases_ = {facts_.host};
    if (is_alias) bases_.push_back(canonical_);
    return ask_next();
  }
  if (!is_alias) return finish(tls::TlsaState::NotAsked, longest_ttl);
  is_alias_asked_ = true;
  ask(facts_.host, type_cname);
}

void TlsaSearch::ask(std::string const& name, std::uint16_t type) {
  // The answer may come, and this object go, inside the call.
  auto question = resolver_.records(name, type, *this);
  if (question) question_ = std::move(question);
}

void TlsaSearch::ask_next() {
  if (bases_.empty()) {
    facts_.tlsa_base = facts_.host;
    return finish(tls::TlsaState::None, longest_ttl);
  }
  facts_.tlsa_base = std::move(bases_.back());
  bases_.pop_back();
  ask(fmt::format("_{}._tcp.{}", port_, facts_.tlsa_base), type_tlsa);
}

void TlsaSearch::on_records(RecordAnswer answer) {
  if (std::exchange(is_alias_asked_, false)) return take_alias(answer);
  take_tlsa(answer);
}

void TlsaSearch::take_alias(RecordAnswer const& answer) {
  if (answer.status != DnsStatus::Answer || !answer.secure)
    return finish(tls::TlsaState::NotAsked, longest_ttl);
  bases_ = {facts_.host};
  ask_next();
}

void TlsaSearch::take_tlsa(RecordAnswer const& answer) {
  facts_.why = answer.why;
  if (answer.status == DnsStatus::Bogus) return finish(tls::TlsaState::Bogus, partial_ttl);
  if (answer.status == DnsStatus::Failure) return finish(tls::TlsaState::Failed, partial_ttl);
  if (answer.status != DnsStatus::Answer || !answer.secure) return ask_next();
  std::vector<tls::TlsaRecord> records;
  for (auto const& rdata : answer.records)
    if (auto record = tlsa_of(rdata)) records.push_back(std::move(*record));
  facts_.records = tls::usable(std::move(records));
  finish(facts_.records.empty() ? tls::TlsaState::Unusable : tls::TlsaState::Usable, answer.ttl);
}

void TlsaSearch::finish(tls::TlsaState state, Duration ttl) {
  facts_.tlsa = state;
  events_.on_tlsa(std::move(facts_), ttl);
}

}  // namespace mailpool::route

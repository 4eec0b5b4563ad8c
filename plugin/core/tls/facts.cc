#include "core/tls/facts.h"

#include <fmt/format.h>

#include "core/tls/names.h"

namespace mailpool::tls {

std::string verified_how(Facts const& facts, std::string const& host) {
  if (facts.dane == Dane::Matched)
    return facts.dane_usage == 3 ? "verified by DANE-EE" : "verified by DANE-TA";
  if (!facts.certificate) return "anonymous";
  if (facts.dane == Dane::Failed) return "untrusted: " + facts.dane_problem;
  if (!facts.chain_is_good)
    return facts.chain_problem.empty() ? "untrusted" : "untrusted: " + facts.chain_problem;
  auto const& names = facts.certificate->names;
  if (any_name_fits(names, {host})) return "verified by its certificate";
  return "trusted, of " + (names.empty() ? std::string("no name") : names.front());
}

std::string summary_of(Facts const& facts, std::string const& host) {
  if (!facts.is_encrypted()) return "none";
  return fmt::format("{} {} {}", facts.version, facts.cipher, verified_how(facts, host));
}

}  // namespace mailpool::tls

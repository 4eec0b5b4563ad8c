#pragma once
// Where routing asks for the MTA-STS policy of a domain (RFC 8461); the manager implements it with
// DNS and HTTPS, tests with a table.

#include <memory>
#include <string>

#include "core/route/resolver.h"
#include "core/tls/sts_policy.h"

namespace mailpool::route {

class StsListener {
 public:
  virtual ~StsListener() = default;
  /// The policy in force; mode none if there is none, or none that can be had.
  virtual void on_sts(tls::StsPolicy policy) = 0;
};

/// As with a Resolver, the answer may come before the call returns, the result is then null; every
/// question is answered in the end.
class StsSource {
 public:
  virtual ~StsSource() = default;
  virtual std::unique_ptr<Question> find(std::string const& domain, StsListener& listener) = 0;
};

}  // namespace mailpool::route

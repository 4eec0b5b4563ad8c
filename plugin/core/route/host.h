#pragma once
// One host that takes a domain's mail, and what its address lookups brought.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/ip.h"
#include "core/route/resolver.h"

namespace mailpool::route {

struct Host {
  std::string name;  ///< lower case, no final dot; or the text of an address
  std::uint16_t preference = 0;
  std::uint16_t port = 25;
  bool may_be_local = false;         ///< named in [route]
  std::vector<IpAddress> addresses;  ///< of both families, as they came
  bool failed = false;               ///< a lookup failed for now: more addresses may exist
  bool has_no_data = false;          ///< the name exists without addresses of a family asked for
  bool bogus = false;                ///< the failure was a DNSSEC one
  std::string why;                   ///< of a failure, in words
  bool is_signed = false;            ///< DNSSEC validated every answer that brought addresses
  std::string canonical;             ///< the end of its CNAMEs; "" where answers differ
};

/// Enters the answer for one address family.
void note_answer(Host& host, AddressAnswer const& answer);

/// Order of MX records: RFC 5321 5.1.
struct ByPreference {
  template <class T>
  bool operator()(T const& a, T const& b) const {
    return a.preference < b.preference;
  }
};

}  // namespace mailpool::route

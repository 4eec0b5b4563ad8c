#pragma once
// What routing asks of a DNS resolver; the manager implements it with libunbound, tests with a
// table.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.h"
#include "core/base/time.h"

namespace mailpool::route {

enum class DnsStatus : std::uint8_t {
  Answer,   ///< at least one record of the type asked for (CNAMEs were followed)
  NoData,   ///< the name exists and has no such record: authoritative
  NoName,   ///< NXDOMAIN: authoritative
  Failure,  ///< SERVFAIL, timeout, malformed, CNAME loop: try again later
  Bogus,    ///< DNSSEC validation failed: try again later
};
[[nodiscard]] std::string_view name_of(DnsStatus status);

struct MxRecord {
  std::uint16_t preference = 0;
  std::string host;  ///< as in the record, lower case, no final dot; "" is the root: null MX
};

struct MxAnswer {
  DnsStatus status = DnsStatus::Failure;
  std::vector<MxRecord> records;  ///< malformed names are left out and counted in `rejected`
  std::uint32_t rejected = 0;
  Duration ttl{};
  bool secure = false;  ///< validated by DNSSEC
  std::string why;      ///< for Failure and Bogus, in words
};

struct AddressAnswer {
  DnsStatus status = DnsStatus::Failure;
  std::vector<IpAddress> addresses;
  std::string canonical;  ///< the name that CNAMEs led to; the one asked for without any
  Duration ttl{};
  bool secure = false;
  std::string why;
};

/// Records of any other type, as octets: the RDATA of each.
struct RecordAnswer {
  DnsStatus status = DnsStatus::Failure;
  std::vector<std::string> records;
  Duration ttl{};
  bool secure = false;
  std::string why;
};

/// A question under way; dropping it means that the answer is not wanted any more, and no callback
/// comes. It may be dropped inside its own callback.
class Question {
 public:
  virtual ~Question() = default;
};

class MxListener {
 public:
  virtual ~MxListener() = default;
  virtual void on_mx(MxAnswer answer) = 0;
};

class AddressListener {
 public:
  virtual ~AddressListener() = default;
  virtual void on_addresses(AddressAnswer answer) = 0;
};

class RecordListener {
 public:
  virtual ~RecordListener() = default;
  virtual void on_records(RecordAnswer answer) = 0;
};

/// The answer may come before the call returns (a cached one); the result is then null. Never both.
/// Every question is answered in the end: deadlines are the resolver's business.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual std::unique_ptr<Question> mx(std::string const& domain, MxListener& listener) = 0;
  virtual std::unique_ptr<Question> addresses(std::string const& host, IpAddress::Family family,
                                              AddressListener& listener) = 0;
  /// TLSA, TXT, or CNAME itself. A resolver that has none of these knows no security: without an
  /// implementation nothing is found.
  virtual std::unique_ptr<Question> records(std::string const& name, std::uint16_t type,
                                            RecordListener& listener);
};

}  // namespace mailpool::route

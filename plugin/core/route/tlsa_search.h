#pragma once
// The questions about one MX host's TLSA records: which names to ask, and what the answers mean
// (RFC 7672 2.2.2).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/route/host.h"
#include "core/route/resolver.h"
#include "core/tls/policy.h"

namespace mailpool::route {

/// Told once, as the last thing that the search does; may destroy it.
class TlsaEvents {
 public:
  virtual ~TlsaEvents() = default;
  virtual void on_tlsa(tls::HostFacts facts, Duration ttl) = 0;
};

/// Addresses in an unsigned zone: nothing is asked, since servers of such zones fail at TLSA
/// questions. Signed addresses: the end of the CNAMEs is asked first, then the host itself. A
/// signed CNAME into an unsigned zone: the host itself.
class TlsaSearch final : private RecordListener {
 public:
  TlsaSearch(Host const& host, Resolver& resolver, TlsaEvents& events);
  TlsaSearch(TlsaSearch const&) = delete;
  TlsaSearch& operator=(TlsaSearch const&) = delete;
  ~TlsaSearch() override = default;

  /// on_tlsa may be called before it returns.
  void start();

 private:
  void on_records(RecordAnswer answer) override;
  void ask(std::string const& name, std::uint16_t type);
  void ask_next();
  void take_alias(RecordAnswer const& answer);
  void take_tlsa(RecordAnswer const& answer);
  void finish(tls::TlsaState state, Duration ttl);

  Resolver& resolver_;
  TlsaEvents& events_;
  tls::HostFacts facts_;
  std::string canonical_;
  std::uint16_t port_;
  bool is_signed_;
  bool is_alias_asked_ = false;
  std::vector<std::string> bases_;  ///< still to be asked, the next one last
  std::unique_ptr<Question> question_;
};

}  // namespace mailpool::route

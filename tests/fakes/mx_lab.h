#pragma once
// Delivery by MX to servers that show certificates: DNS, TLSA records and MTA-STS policies come
// from tables that a test changes while connections live.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/route/dns_wire.h"
#include "core/route/sts_source.h"
#include "fakes/delivery_lab.h"
#include "fakes/table_resolver.h"

namespace mailpool::fakes {

class TableSts final : public route::StsSource {
 public:
  std::unique_ptr<route::Question> find(std::string const& domain,
                                        route::StsListener& listener) override {
    auto const found = policies.find(domain);
    listener.on_sts(found == policies.end() ? tls::StsPolicy() : found->second);
    return nullptr;
  }
  std::map<std::string, tls::StsPolicy> policies;
};

/// What a server shows in a handshake.
struct Shown {
  std::vector<std::string> names;
  bool is_trusted = true;
  char key = 'k';  ///< what a TLSA record is a digest of
  Duration lasts = std::chrono::hours(1000);
  std::uint8_t usage = 3;  ///< the TLSA record that matches: of the certificate or its authority
};

/// a.test and b.test belong to one site, whose host is mx.example.com. Connections end only when a
/// test wants it.
struct MxLab : DeliveryLab {
  static constexpr auto mx = "mx.example.com";
  static constexpr Duration ttl = std::chrono::seconds(60);  ///< of every answer

  MxLab() {
    settings.routes.clear();
    settings.sites["lab"].name = "lab";
    settings.sites["lab"].domains = {"a.test", "b.test"};
    site().tls = TlsLevel::May;
    site().idle_timeout = site().max_lifetime = site().check_after = std::chrono::hours(24);
    for (auto const* domain : {"a.test", "b.test"}) names_mx(domain, {mx});
    dns.host(mx, {"192.0.2.1"}, ttl);
    certificates[mx] = {{mx}};
    network.behaviour.ehlo = "250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
    network.behaviour.answer = [](SimulatedServer&, std::string const& line) {
      return line == "STARTTLS" ? std::string("220 go ahead\r\n") : std::string("?");
    };
    network.behaviour.tls = [this](auto const& target, auto const& plan) {
      return shake_hands(certificates[target.host], plan);
    };
  }
  ~MxLab() { dispatcher.reset(); }

  SiteSettings& site() { return settings.sites["lab"].settings; }
  void require(std::string const& domain, TlsLevel level) { settings.domains[domain].tls = level; }
  void names_mx(std::string const& domain, std::vector<std::string> const& hosts) {
    std::vector<route::MxRecord> records;
    for (auto const& host : hosts) records.push_back({10, host});
    dns.mx(domain, std::move(records), ttl);
  }
  /// TLSA records "USAGE 1 1" of these keys; none: there are none.
  void publish_tlsa(std::string const& host, std::string const& keys, char usage = 3) {
    std::vector<std::string> rdata;
    for (char const key : keys) rdata.push_back(std::string{usage, 1, 1} + std::string(32, key));
    dns.record("_25._tcp." + host, route::type_tlsa, std::move(rdata), ttl);
  }
  void publish_sts(std::string const& domain, tls::StsMode mode, std::vector<std::string> hosts) {
    sts.policies[domain] = {mode, std::move(hosts), std::chrono::hours(24), "1"};
  }
  /// Answers of before are asked for anew.
  void let_ttl_end() { pass(ttl + std::chrono::seconds(1)); }

  Answers& deliver(std::string const& recipient) {
    if (!dispatcher) begin();
    return DeliveryLab::deliver(recipient);
  }
  void begin() {
    router = std::make_unique<route::Router>(settings, dns, random, &sts);
    context = std::make_unique<delivery::Context>(network, random, log, clock, store);
    dispatcher = std::make_unique<delivery::Dispatcher>(settings, *router, *context);
  }
  /// The settings have changed.
  void reload() {
    router->reconfigure(settings);
    dispatcher->reconfigure(settings, clock.now_);
    settle();
  }
  /// How many transactions the first server has seen, the others aside.
  [[nodiscard]] std::size_t mails_at_first() const {
    auto const& commands = network.servers.front()->commands;
    return static_cast<std::size_t>(std::count_if(
        commands.begin(), commands.end(), [](auto const& c) { return c.starts_with("MAIL"); }));
  }

  TableResolver dns;
  TableSts sts;
  std::map<std::string, std::optional<Shown>> certificates;  ///< by host; nothing: it fails

 private:
  std::optional<tls::Facts> shake_hands(std::optional<Shown> const& shown, tls::Plan const& plan) {
    if (!shown) return std::nullopt;
    tls::Facts facts;
    facts.version = "TLSv1.3";
    facts.cipher = "TLS_AES_256_GCM_SHA384";
    facts.chain_is_good = shown->is_trusted;
    facts.chain_problem = shown->is_trusted ? "" : "self-signed certificate";
    auto certificate = std::make_shared<tls::Certificate>();
    certificate->names = shown->names;
    certificate->not_after = clock.wall(clock.now_ + shown->lasts);
    facts.certificate = std::move(certificate);
    if (plan.records.empty()) return facts;
    facts.dane_records = plan.records_digest;
    facts.dane = tls::Dane::Failed;
    facts.dane_problem = "no matching DANE TLSA records";
    for (auto const& record : plan.records) {
      if (record.usage != shown->usage || record.data != std::string(32, shown->key)) continue;
      facts.dane = tls::Dane::Matched;
      facts.dane_usage = record.usage;
    }
    return facts;
  }
};

}  // namespace mailpool::fakes

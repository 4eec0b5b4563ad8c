// mailpool-decide: what it costs to decide whether a transaction may go now, with few sites and
// with very many; prints JSON, nanoseconds by number of sites. With --forget N: the longest turn of
// the loop, in milliseconds of CPU, while N sites are forgotten.
//
// Every decision is of another site than the one before, so that nothing is at hand that would not
// be in service, and every level has a limit: domain, site, host, sender domain, tenant and total.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <random>

#include "core/delivery/dispatcher.h"
#include "core/site/suspension_record.h"

namespace mailpool::decide {
namespace {

using Steady = std::chrono::steady_clock;

struct NoNetwork final : delivery::Network {
  std::unique_ptr<delivery::Transport> connect(route::Target const&, IpAddress const*,
                                               std::vector<IpNetwork> const&,
                                               delivery::TransportEvents&) override {
    std::abort();  // nothing is sent here
  }
};

struct NoResolver final : route::Resolver {
  std::unique_ptr<route::Question> mx(std::string const&, route::MxListener&) override {
    return nullptr;
  }
  std::unique_ptr<route::Question> addresses(std::string const&, IpAddress::Family,
                                             route::AddressListener&) override {
    return nullptr;
  }
};

struct NoChance final : route::Random {
  std::uint32_t number(std::uint32_t) override { return 0; }
};

struct NoLog final : Log {
  void write(LogLevel, std::string) override {}
  [[nodiscard]] bool is_on(LogLevel) const override { return false; }
};

struct SetClock final : delivery::Clock {
  TimePoint at{std::chrono::hours(1)};
  [[nodiscard]] TimePoint now() const override { return at; }
  [[nodiscard]] WallTime wall(TimePoint t) const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(t.time_since_epoch()));
  }
};

std::string site_name(std::size_t n) {
  return fmt::format("mx.d{}.example", n);
}

/// Remembers so many sites, as after a restart: that is how they come to be without any mail.
struct ManySites final : state::Store {
  explicit ManySites(std::size_t count) : count_(count) {}
  [[nodiscard]] std::vector<state::Record> take_loaded(state::Kind kind) override {
    std::vector<state::Record> records;
    if (kind != state::Kind::Suspension) return records;
    for (std::size_t n = 0; n < count_; ++n)
      records.push_back({site::suspension_key("site", site_name(n)),
                         fmt::format("{}\tuid 0\twhy", 0), state::no_expiry});
    return records;
  }
  void put(state::Kind, std::string, std::string, WallTime) override {}
  void erase(state::Kind, std::string) override {}

 private:
  std::size_t count_;
};

Settings strict_settings(std::size_t domains) {
  auto const fast = Rate{1'000'000, std::chrono::seconds(1), 1'000'000};
  Settings settings;
  settings.hostname = "bench.example";
  settings.smtp.rate = settings.smtp.recipient_rate = settings.smtp.connect_rate = fast;
  settings.smtp.max_connections_per_host = 5;
  settings.total.rate = settings.total.recipient_rate = fast;
  settings.total.max_connections = 10'000;
  settings.sender_domains["shop.example"].rate = fast;
  settings.tenants["shop"].rate = fast;
  for (std::size_t n = 0; n < domains; ++n)
    settings.domains[fmt::format("d{}.example", n)].rate = fast;
  return settings;
}

/// A decision that can be asked for again and again.
struct Question {
  delivery::Site const* site;
  delivery::Transaction transaction;
};

double nanoseconds_with(std::size_t sites) {
  auto const settings = strict_settings(std::min<std::size_t>(sites, 10'000));
  NoNetwork network;
  NoResolver resolver;
  NoChance chance;
  NoLog log;
  SetClock clock;
  ManySites store(sites);
  route::Router router(settings, resolver, chance);
  delivery::Context context(network, chance, log, clock, store);
  delivery::Dispatcher dispatcher(settings, router, context);
  auto const now = clock.now();
  dispatcher.restore(now);

  Envelope envelope;
  envelope.sender = "news@shop.example";
  envelope.sender_domain = "shop.example";
  envelope.tenant = "shop";
  std::vector<Question> questions;
  for (std::size_t n = 0; n < sites; ++n) {
    dispatcher.resume_site(site_name(n), now);
    auto route = std::make_shared<route::Route>();
    route->site = site_name(n);
    auto& target = route->targets.emplace_back();
    target.host = site_name(n);
    questions.push_back({dispatcher.find_site(site_name(n)),
                         dispatcher.probe(fmt::format("d{}.example", n), route, envelope)});
  }
  context.sites_with_work.clear();

  std::shuffle(questions.begin(), questions.end(), std::mt19937(4));
  constexpr std::size_t rounds = 1'000'000;
  double best = 1e9;
  for (int run = 0; run < 3; ++run) {
    std::size_t may_go = 0;
    std::size_t next = 0;
    auto const began = Steady::now();
    for (std::size_t i = 0; i < rounds; ++i) {
      auto const& q = questions[next];
      if (++next == questions.size()) next = 0;
      auto const decision = q.site->decide(q.transaction, now);
      may_go += std::holds_alternative<delivery::Open>(decision.what) ? 1U : 0U;
    }
    auto const took = std::chrono::duration<double, std::nano>(Steady::now() - began).count();
    if (may_go != rounds) std::abort();  // every one of them may go: no limit is reached
    best = std::min(best, took / rounds);
  }
  return best;
}

struct NoStore final : state::Store {
  [[nodiscard]] std::vector<state::Record> take_loaded(state::Kind) override { return {}; }
  void put(state::Kind, std::string, std::string, WallTime) override {}
  void erase(state::Kind, std::string) override {}
};

struct NoBody final : BodyStorage {
  Append append(std::string_view) override { return Append::Ok; }
  [[nodiscard]] std::uint64_t size() const override { return 0; }
  [[nodiscard]] std::string_view memory() const override { return {}; }
  [[nodiscard]] std::ptrdiff_t read(std::uint64_t, std::span<char>) const override { return 0; }
};

struct NoListener final : delivery::DeliveryListener {
  void on_outcome(std::size_t, Outcome const&, TimePoint) override {}
};

/// While draining a message makes its site known, and is answered at once.
void make_known(delivery::Dispatcher& dispatcher, std::size_t sites, TimePoint now) {
  NoListener nobody;
  dispatcher.drain(now);
  for (std::size_t n = 0; n < sites; ++n) {
    Message message;
    auto const domain = fmt::format("d{}.example", n);
    message.envelope.recipients.push_back({"u@" + domain, domain});
    message.body.storage = std::make_unique<NoBody>();
    dispatcher.submit(std::move(message), nobody, now);
    dispatcher.run(now);
    dispatcher.sweep();
  }
  dispatcher.keep_counts(sites);
}

double cpu_milliseconds() {
  return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// The longest turn of the loop, in milliseconds of CPU, of the day after so many sites with a
/// domain each were used last: that is when they are forgotten.
double longest_turn_forgetting(std::size_t sites) {
  Settings settings;
  settings.hostname = "bench.example";
  for (std::size_t n = 0; n < sites; ++n)
    settings.routes[fmt::format("d{}.example", n)] = {
        {fmt::format("10.{}.{}.{}", n >> 16U, (n >> 8U) & 255U, n & 255U), 25}};
  NoNetwork network;
  NoResolver resolver;
  NoChance chance;
  NoLog log;
  SetClock clock;
  NoStore store;
  route::Router router(settings, resolver, chance);
  delivery::Context context(network, chance, log, clock, store);
  delivery::Dispatcher dispatcher(settings, router, context);
  make_known(dispatcher, sites, clock.at);
  if (dispatcher.sites().size() != sites) std::abort();
  double longest = 0;
  clock.at += std::chrono::hours(25);
  while (!dispatcher.sites().empty()) {
    clock.at = std::max(clock.at, dispatcher.deadline());
    auto const began = cpu_milliseconds();
    dispatcher.run(clock.at);
    longest = std::max(longest, cpu_milliseconds() - began);
  }
  return longest;
}

}  // namespace
}  // namespace mailpool::decide

int main(int argc, char const* const* argv) {
  using mailpool::decide::longest_turn_forgetting;
  using mailpool::decide::nanoseconds_with;
  if (argc == 3 && std::string_view(argv[1]) == "--forget") {
    fmt::print("{{\"milliseconds\": {:.3f}}}\n", longest_turn_forgetting(std::stoul(argv[2])));
    return 0;
  }
  auto const* separator = "{";
  for (std::size_t const sites : {10U, 1'000U, 100'000U}) {
    fmt::print("{}\"{}\": {:.0f}", separator, sites, nanoseconds_with(sites));
    separator = ", ";
  }
  fmt::print("}}\n");
  return 0;
}

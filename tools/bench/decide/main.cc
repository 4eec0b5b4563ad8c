// mailpool-decide: what it costs to decide whether a transaction may go now, with few sites and
// with very many, without sources and with them; prints JSON, nanoseconds by number of sites and by
// number of paths (sites times sources). With --forget N: the longest turn of the loop, in
// milliseconds of CPU, while N sites are forgotten.
//
// Every decision is of another site than the one before, so that nothing is at hand that would not
// be in service, and every level has a limit: domain, site, host, source, sender domain, tenant and
// total. With sources the turn goes round in a pool of them, as messages take it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <random>
#include <vector>

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

void add_sources(Settings& settings, std::size_t sources, Rate const& rate) {
  if (sources == 0) return;
  for (std::size_t n = 0; n < sources; ++n) {
    auto const name = fmt::format("s{}", n);
    auto& source = settings.sources[name];
    source.rate = source.recipient_rate = rate;
    source.max_connections = 1'000;
    source.warm_up.plan = {1'000'000'000};
    settings.pools["all"].sources.push_back({name, 1});
  }
  settings.smtp.source = "all";
}

Settings strict_settings(std::size_t domains, std::size_t sources) {
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
  add_sources(settings, sources, fast);
  return settings;
}

/// A decision that can be asked for again and again.
struct Question {
  delivery::Site const* site;
  delivery::Transaction transaction;
};

// So the next is of another path: the one that decided has had its turn.
void pass_turn(site::SourceGroup* sources, delivery::Decision const& decision) {
  if (sources != nullptr) sources->take_turn(*decision.source);
}

double nanoseconds_with(std::size_t sites, std::size_t sources) {
  auto const settings = strict_settings(std::min<std::size_t>(sites, 10'000), sources);
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
  // A path is made when it is first asked for.
  for (std::size_t n = 0; n < sources; ++n)
    for (auto& q : questions) {
      q.transaction.source = q.transaction.sources->members().at(n).source;
      (void)q.site->decide(q.transaction, now);
      q.transaction.source = nullptr;
    }
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
      pass_turn(q.transaction.sources, decision);
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
  std::vector<std::string> by_sites;
  for (std::size_t const sites : {10U, 1'000U, 100'000U})
    by_sites.push_back(fmt::format("\"{}\": {:.0f}", sites, nanoseconds_with(sites, 0)));
  std::vector<std::string> by_paths;
  for (auto const& [sites, sources] :
       {std::pair<std::size_t, std::size_t>{10, 1}, {10, 50}, {10'000, 50}})
    by_paths.push_back(
        fmt::format("\"{}\": {:.0f}", sites * sources, nanoseconds_with(sites, sources)));
  fmt::print("{{\"sites\": {{{}}}, \"paths\": {{{}}}}}\n", fmt::join(by_sites, ", "),
             fmt::join(by_paths, ", "));
  return 0;
}

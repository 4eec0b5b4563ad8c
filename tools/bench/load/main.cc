// mailpool-load: sends messages over SMTP or LMTP as fast as they go, or at a given pace, and
// measures.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <new>

#include "bench/load/session.h"

namespace mailpool::load {
namespace {

struct Arguments {
  Plan plan;
  std::string to;
  std::string flights = "auto";
  double duration = 0;
  double timeout = 60;
};

void describe(CLI::App& app, Arguments& arguments) {
  auto& plan = arguments.plan;
  app.set_help_flag("--help", "this text");
  app.add_option("--to", arguments.to, "127.0.0.1:PORT, [::1]:PORT or a path")->required();
  app.add_flag("--lmtp", plan.lmtp, "LMTP instead of SMTP");
  app.add_option("--sessions", plan.sessions, "connections at once")->check(CLI::Range(1, 60'000));
  app.add_option("--messages", plan.messages, "how many in all");
  app.add_option("--duration", arguments.duration,
                 "no new message after so many seconds; 0: no end");
  app.add_option("--size", plan.size, "octets of a message");
  app.add_option("--domains", plan.domains, "recipient domains, in turn")
      ->check(CLI::PositiveNumber);
  app.add_option("--recipients", plan.recipients, "per message, all in one domain")
      ->check(CLI::PositiveNumber);
  app.add_option("--per-connection", plan.per_connection,
                 "messages over one connection, then QUIT and a new one; 1: no reuse; 0: all");
  app.add_flag("--rset", plan.rset, "RSET between messages");
  app.add_option("--rate", plan.rate,
                 "messages per second, open loop: each is due at its time, however slow the "
                 "replies; 0: closed loop");
  app.add_option(
         "--flights", arguments.flights,
         "one: MAIL RCPT BDAT together; two: MAIL RCPT DATA together; lockstep; auto: as announced")
      ->check(CLI::IsMember({"auto", "one", "two", "lockstep"}));
  app.add_option("--from", plan.from, "envelope sender");
  app.add_option("--address", plan.address,
                 "recipients; %d: number of the user, then of the domain");
  app.add_option("--hostname", plan.hostname, "for EHLO");
  app.add_option("--timeout", arguments.timeout, "seconds without a reply that is due");
  app.add_flag("--per-domain", plan.per_domain, "latency of each domain, too");
}

/// Wakes as many idle sessions as messages have become due.
class Pacer {
 public:
  Pacer(Session::Shared& shared) : shared_(shared) {
    timer_.reset(event_new(shared.base, -1, 0, on_timer, this));
    arm();
  }

 private:
  static void on_timer(evutil_socket_t, short, void* self) { static_cast<Pacer*>(self)->tick(); }

  void tick() {
    auto const now = net::monotonic_now();
    while (!shared_.idle.empty() && shared_.dispenser.next_due(now) <= now) {
      auto* const session = shared_.idle.front();
      shared_.idle.pop_front();
      session->wake();
    }
    if (!shared_.dispenser.is_exhausted(now)) return arm();
    for (auto* const session : std::exchange(shared_.idle, {})) session->wake();
  }

  void arm() {
    auto const now = net::monotonic_now();
    auto const due = shared_.dispenser.next_due(now);
    // With all sessions busy the next message waits for one of them, not for the clock.
    auto const wait = std::clamp<Duration>(due - now, std::chrono::microseconds(200),
                                           std::chrono::milliseconds(100));
    auto const tv = net::to_timeval(wait);
    event_add(timer_.get(), &tv);
  }

  Session::Shared& shared_;
  net::Event timer_;
};

int run(Plan const& plan) {
  auto const base = net::make_event_base();
  Report report;
  auto const start = net::monotonic_now();
  Dispenser dispenser(plan, start);
  std::uint64_t active = plan.sessions;
  Session::Shared shared{plan, dispenser, report, base.get(), {}, {}, start};
  shared.on_done = [&] {
    if (--active == 0) event_base_loopbreak(base.get());
  };
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::uint64_t i = 0; i < plan.sessions; ++i)
    sessions.push_back(std::make_unique<Session>(shared));
  for (auto& session : sessions) session->start();
  Pacer const pacer(shared);
  if (active > 0) event_base_dispatch(base.get());
  fmt::print("{}\n", report.to_json(plan, shared.last_reply - start));
  return 0;
}

}  // namespace
}  // namespace mailpool::load

int main(int argc, char** argv) try {
  using namespace mailpool;
  using namespace mailpool::load;
  Arguments arguments;
  CLI::App app{"mailpool-load: a load generator for SMTP and LMTP; prints JSON", "mailpool-load"};
  describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto to = net::Endpoint::parse(arguments.to);
  if (!to) {
    fmt::print(stderr, "mailpool-load: {}\n", to.error().reason);
    return 2;
  }
  auto& plan = arguments.plan;
  plan.to = *to;
  plan.duration = Duration(std::llround(arguments.duration * 1e9));
  plan.timeout = Duration(std::llround(arguments.timeout * 1e9));
  plan.flights = arguments.flights == "one"        ? Flights::One
                 : arguments.flights == "two"      ? Flights::Two
                 : arguments.flights == "lockstep" ? Flights::Lockstep
                                                   : Flights::Auto;
  return run(plan);
} catch (std::bad_alloc const&) {
  std::fputs("mailpool-load: out of memory\n", stderr);
  return 1;
}

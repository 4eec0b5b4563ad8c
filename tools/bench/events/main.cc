// mailpool-event-cost: what it costs the loop to make one event's line, in microseconds of CPU, by
// how much of an address is told; prints JSON.
//
// The event is the longest that is usual: a delivery over TLS with every name that it can have.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "core/events/recorder.h"

namespace mailpool::event_cost {
namespace {

constexpr int events_of_a_round = 200'000;
constexpr int rounds = 5;
constexpr std::size_t lines_at_once = 500;

/// As many lines wait as a busy manager's thread has not yet taken.
struct Lines final : events::Sink {
  [[nodiscard]] bool is_wanted() const override { return true; }
  void write(std::string line) override {
    octets += line.size();
    if (waiting.size() == lines_at_once) waiting.clear();
    waiting.push_back(std::move(line));
  }
  std::uint64_t octets = 0;
  std::vector<std::string> waiting;
};

double cpu_us() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

events::OutcomeEvent usual_outcome(Outcome const& outcome) {
  using std::chrono::milliseconds;
  events::OutcomeEvent event;
  event.queue_id = "4ED10A9055E";
  event.size = 48'123;
  event.recipient = "somebody.with.a.name@customer.example";
  event.domain = "customer.example";
  event.sender_domain = "newsletter.shop.example";
  event.site = "google";
  event.path = "google/west";
  event.source = "west";
  event.tenant = "shop";
  event.endpoint = "gmail-smtp-in.l.google.example[2001:db8:4:c0b::1a]:25";
  event.use = 1;
  event.tls = {"TLSv1.3", "TLS_AES_256_GCM_SHA384", "verified by MTA-STS", true};
  event.delay = milliseconds(1'234);
  event.dns = milliseconds(12);
  event.wait = milliseconds(1'000);
  event.connecting = milliseconds(22);
  event.transaction = milliseconds(200);
  event.connect = milliseconds(10);
  event.handshake = milliseconds(11);
  event.outcome = &outcome;
  return event;
}

struct Cost {
  double us = 1e9;
  std::uint64_t octets = 0;  ///< of a line
};

Cost cost(EventAddresses addresses) {
  Lines lines;
  events::Recorder recorder;
  recorder.set_sink(&lines);
  recorder.set_form({addresses, Secret("a key of this bench")});
  auto const outcome = Outcome::remote(
      250, {2, 0, 0}, "2.0.0 OK  1733000000 5b1f17b1804b1-434b0dc7b9fsi12345678a12.345 - gsmtp",
      "gmail-smtp-in.l.google.example[2001:db8:4:c0b::1a]:25", "end of DATA");
  auto const event = usual_outcome(outcome);
  Cost best;
  for (int round = 0; round < rounds; ++round) {
    auto const begun = cpu_us();
    for (int i = 0; i < events_of_a_round; ++i)
      recorder.tell(event, std::chrono::system_clock::now());
    best.us = std::min(best.us, (cpu_us() - begun) / events_of_a_round);
  }
  best.octets = lines.octets / (std::uint64_t{rounds} * events_of_a_round);
  return best;
}

}  // namespace
}  // namespace mailpool::event_cost

int main() {
  using namespace mailpool;
  auto const* separator = "{";
  for (auto const addresses :
       std::array{EventAddresses::Full, EventAddresses::Domain, EventAddresses::Hash}) {
    auto const each = event_cost::cost(addresses);
    fmt::print("{}\"{}\": {{\"us\": {:.2f}, \"octets\": {}}}", separator, name_of(addresses),
               each.us, each.octets);
    separator = ", ";
  }
  fmt::print("}}\n");
  return 0;
}

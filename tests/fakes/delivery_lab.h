#pragma once
// All of delivery on a simulated network: hand in messages, let time pass, read what was answered.

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/delivery/dispatcher.h"
#include "fakes/memory_store.h"
#include "fakes/simulated_network.h"

namespace mailpool::fakes {

class StringStorage final : public BodyStorage {
 public:
  explicit StringStorage(std::string text) : text_(std::move(text)) {}
  Append append(std::string_view octets) override {
    text_ += octets;
    return Append::Ok;
  }
  [[nodiscard]] std::uint64_t size() const override { return text_.size(); }
  [[nodiscard]] std::string_view memory() const override { return text_; }
  [[nodiscard]] std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const override {
    auto const n = text_.copy(to.data(), to.size(), offset);
    return static_cast<std::ptrdiff_t>(n);
  }

 private:
  std::string text_;
};

class ZeroRandom final : public route::Random {
 public:
  std::uint32_t number(std::uint32_t) override { return 0; }
};

class LinesLog final : public Log {
 public:
  void write(LogLevel, std::string line) override { lines.push_back(std::move(line)); }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }
  [[nodiscard]] bool has(std::string_view text) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](auto const& l) { return l.find(text) != std::string::npos; });
  }
  std::vector<std::string> lines;
};

/// Answers nothing: these tests use [route].
class SilentResolver final : public route::Resolver {
 public:
  std::unique_ptr<route::Question> mx(std::string const&, route::MxListener&) override {
    return std::make_unique<route::Question>();
  }
  std::unique_ptr<route::Question> addresses(std::string const&, IpAddress::Family,
                                             route::AddressListener&) override {
    return std::make_unique<route::Question>();
  }
};

/// What the MTA was told about one message.
class Answers final : public delivery::DeliveryListener {
 public:
  explicit Answers(std::size_t recipients) : outcomes(recipients) {}
  void on_outcome(std::size_t recipient, Outcome const& outcome, TimePoint now) override {
    BOOST_REQUIRE(!outcomes.at(recipient).has_value());
    outcomes[recipient] = outcome;
    answered_at = now;
    order.push_back(recipient);
  }
  [[nodiscard]] std::string line(std::size_t i = 0) const {
    return outcomes.at(i) ? outcomes[i]->reply_line() : "";
  }
  [[nodiscard]] bool is_delivered(std::size_t i = 0) const {
    return outcomes.at(i) && outcomes[i]->kind == OutcomeKind::Delivered;
  }
  [[nodiscard]] bool is_over() const {
    return std::all_of(outcomes.begin(), outcomes.end(),
                       [](auto const& o) { return o.has_value(); });
  }
  std::vector<std::optional<Outcome>> outcomes;
  std::vector<std::size_t> order;
  TimePoint answered_at{};
  delivery::Delivery* delivery = nullptr;
};

struct DeliveryLab {
  DeliveryLab() {
    settings.hostname = "mail.test";
    settings.routes["one.test"] = {{"192.0.2.1", 25}};
    settings.routes["two.test"] = {{"192.0.2.2", 25}};
    settings.routes["pair.test"] = {{"192.0.2.3", 25}, {"192.0.2.4", 25}};
  }
  ~DeliveryLab() { dispatcher.reset(); }

  void begin() {
    router = std::make_unique<route::Router>(settings, resolver, random);
    context = std::make_unique<delivery::Context>(network, random, log, clock, store);
    dispatcher = std::make_unique<delivery::Dispatcher>(settings, *router, *context);
  }

  Answers& send(std::vector<std::string> const& recipients,
                std::string text = "Subject: x\r\n\r\nhello\r\n") {
    if (!dispatcher) begin();
    Message message;
    message.envelope.sender = sender;
    message.envelope.marks = marks;
    message.envelope.require_tls = require_tls;
    message.envelope.tls_required_no = tls_required_no;
    message.envelope.queue_id = "Q" + std::to_string(answers.size() + 1);
    for (auto const& r : recipients)
      message.envelope.recipients.push_back({r, r.substr(r.find('@') + 1)});
    message.body.storage = std::make_unique<StringStorage>(std::move(text));
    auto& a = answers.emplace_back(recipients.size());
    a.delivery = dispatcher->submit(std::move(message), a, clock.now_);
    return a;
  }
  Answers& deliver(std::string const& recipient) {
    auto& a = send({recipient});
    settle();
    return a;
  }

  /// Servers take messages and say nothing, so that transactions stay under way.
  void never_answer() {
    network.behaviour.answer = [](auto&, std::string const& line) {
      return line == "<body>" ? "" : "?";
    };
  }
  /// Connections from an address.
  [[nodiscard]] std::size_t open_from(std::string_view client) const {
    return static_cast<std::size_t>(
        std::count_if(network.servers.begin(), network.servers.end(),
                      [&](auto const& s) { return s->events != nullptr && s->client == client; }));
  }
  /// Until nothing more happens at this moment.
  void settle() {
    if (!dispatcher) begin();
    do {
      dispatcher->run(clock.now_);
    } while (network.settle() || dispatcher->has_work());
    dispatcher->sweep();
  }
  void pass(Duration d) {
    auto const end = clock.now_ + d;
    settle();
    while (true) {
      auto const next = std::min(dispatcher->deadline(), network.deadline());
      if (next > end) break;
      clock.now_ = std::max(clock.now_, next);
      network.expire();
      settle();
    }
    clock.now_ = end;
    settle();
  }
  [[nodiscard]] delivery::Site const& site_of(std::string const& domain) const {
    return *dispatcher->site_of_domain(domain);
  }
  [[nodiscard]] std::size_t opened() const { return network.servers.size(); }
  [[nodiscard]] std::size_t count_commands(std::string_view word) const {
    std::size_t n = 0;
    for (auto const& s : network.servers)
      n += static_cast<std::size_t>(
          std::count_if(s->commands.begin(), s->commands.end(),
                        [&](auto const& c) { return c.starts_with(word); }));
    return n;
  }

  std::string sender = "sender@mail.test";  ///< of the messages to come
  TenantMarks marks;                        ///< likewise
  bool require_tls = false;                 ///< likewise
  bool tls_required_no = false;             ///< likewise
  Settings settings;
  ManualClock clock;
  SimulatedNetwork network{clock};
  ZeroRandom random;
  LinesLog log;
  MemoryStore store;
  SilentResolver resolver;
  std::unique_ptr<route::Router> router;
  std::unique_ptr<delivery::Context> context;
  std::unique_ptr<delivery::Dispatcher> dispatcher;
  std::list<Answers> answers;
};

}  // namespace mailpool::fakes

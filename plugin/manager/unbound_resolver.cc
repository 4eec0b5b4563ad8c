#include "manager/unbound_resolver.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/base/text.h"

namespace mailpool::manager {
namespace {

using namespace std::chrono_literals;

constexpr Duration longest_probe = 5s;

/// What libunbound said, whatever the question.
struct Said {
  bool is_bogus = false;
  bool is_secure = false;
  int rcode = 0;
  route::Octets message;  ///< valid during the callback
  std::string why;        ///< of a failure
};

constexpr int rcode_servfail = 2;

Said no_answer(std::string why) {
  Said said;
  said.rcode = rcode_servfail;
  said.why = std::move(why);
  return said;
}

// With a trust anchor and a forwarder that strips signatures, libunbound gives rcode 0, data, and
// `bogus`: it is looked at first, always.
Said said_by(int rcode, void const* packet, int length, int security, char const* why_bogus) {
  Said said;
  said.rcode = rcode;
  said.is_bogus = security == 1;
  said.is_secure = security == 2;
  if (said.is_bogus) {
    said.why = printable(why_bogus != nullptr ? why_bogus : "validation failed", 200);
  } else if (packet != nullptr && length > 0 && (rcode == 0 || rcode == 3)) {
    said.message = {static_cast<std::uint8_t const*>(packet), static_cast<std::size_t>(length)};
  } else {
    said.why = route::rcode_name(rcode);
  }
  return said;
}

template <class Answer, class Parse>
Answer answer_of(Said const& said, Parse parse) {
  Answer answer;
  if (!said.message.empty()) {
    answer = parse(said.message);
    answer.secure = said.is_secure;
    return answer;
  }
  answer.status = said.is_bogus ? route::DnsStatus::Bogus : route::DnsStatus::Failure;
  answer.why = said.why;
  return answer;
}

}  // namespace

/// One question. Owned by who asked; listed in held_ or pending_ until it is answered.
class UnboundResolver::Asked : public route::Question {
 public:
  Asked(UnboundResolver& resolver, std::string name, std::uint16_t type)
      : resolver_(&resolver), name_(std::move(name)), type_(type) {}
  ~Asked() override {
    if (resolver_ != nullptr) leave();
  }
  Asked(Asked const&) = delete;
  Asked& operator=(Asked const&) = delete;

  [[nodiscard]] bool is_ended() const { return resolver_ == nullptr; }
  void hold() { place_ = resolver_->held_.insert(resolver_->held_.end(), this); }
  void arm(Duration timeout);
  void send(UnboundContext& context);
  void fail(std::string const& why) { end(no_answer(why)); }
  /// Takes it out of everything; no answer comes.
  void leave();

 protected:
  /// As the last thing: may destroy it.
  virtual void deliver(Said const& said) = 0;

 private:
  void end(Said const& said) {
    resolver_->loop_.end_turn_soon();  // whoever waits for the answer goes on then
    leave();
    deliver(said);
  }
  static void on_answer(void* self, int rcode, void* packet, int length, int security,
                        char* why_bogus, int) {
    auto* const asked = static_cast<Asked*>(self);
    asked->number_ = 0;  // libunbound has forgotten it already
    asked->end(said_by(rcode, packet, length, security, why_bogus));
  }
  static void on_timeout(evutil_socket_t, short, void* self);

  UnboundResolver* resolver_;  ///< null once answered
  std::string const name_;
  std::uint16_t const type_;
  UnboundContext* context_ = nullptr;  ///< null while held
  int number_ = 0;
  bool* has_ended_ = nullptr;  ///< of send(), while it is inside libunbound
  std::list<Asked*>::iterator place_;
  EventPtr timer_;
  Duration timeout_{};
};

void UnboundResolver::Asked::arm(Duration timeout) {
  timeout_ = timeout;
  timer_ = resolver_->loop_.make_event(-1, 0, on_timeout, this);
  Loop::arm(timer_.get(), timeout);
}

void UnboundResolver::Asked::send(UnboundContext& context) {
  context_ = &context;
  ++context.pending;
  place_ = resolver_->pending_.insert(resolver_->pending_.end(), this);
  // A cached answer calls back inside ask(), and its listener may destroy this object: only the
  // flag tells.
  bool has_ended = false;
  has_ended_ = &has_ended;
  auto const number = context.ask(name_, type_, this, on_answer);
  if (has_ended) return;
  has_ended_ = nullptr;
  if (!number) return end(no_answer(number.error().reason));
  number_ = *number;
}

void UnboundResolver::Asked::leave() {
  if (has_ended_ != nullptr) *has_ended_ = true;
  has_ended_ = nullptr;
  timer_.reset();
  if (context_ == nullptr) {
    resolver_->held_.erase(place_);
  } else {
    resolver_->pending_.erase(place_);
    context_->cancel(number_);
    if (--context_->pending == 0 && context_ != resolver_->active_.get()) resolver_->sweep();
  }
  resolver_ = nullptr;
}

void UnboundResolver::Asked::on_timeout(evutil_socket_t, short, void* self) {
  auto* const asked = static_cast<Asked*>(self);
  asked->end(
      no_answer(fmt::format("no answer within {} ([dns] timeout)", to_text(asked->timeout_))));
}

class UnboundResolver::AskedMx final : public Asked {
 public:
  AskedMx(UnboundResolver& resolver, std::string const& domain, route::MxListener& listener)
      : Asked(resolver, domain, route::type_mx), listener_(listener) {}
  ~AskedMx() override = default;

 private:
  void deliver(Said const& said) override {
    listener_.on_mx(answer_of<route::MxAnswer>(said, route::parse_mx_answer));
  }
  route::MxListener& listener_;
};

class UnboundResolver::AskedAddresses final : public Asked {
 public:
  AskedAddresses(UnboundResolver& resolver, std::string const& host, IpAddress::Family family,
                 route::AddressListener& listener)
      : Asked(resolver, host, family == IpAddress::Family::V4 ? route::type_a : route::type_aaaa),
        family_(family),
        listener_(listener) {}
  ~AskedAddresses() override = default;

 private:
  void deliver(Said const& said) override {
    auto const parse = [this](route::Octets message) {
      return route::parse_address_answer(message, family_);
    };
    listener_.on_addresses(answer_of<route::AddressAnswer>(said, parse));
  }
  IpAddress::Family family_;
  route::AddressListener& listener_;
};

class UnboundResolver::AskedRecords final : public Asked {
 public:
  AskedRecords(UnboundResolver& resolver, std::string const& name, std::uint16_t type,
               route::RecordListener& listener)
      : Asked(resolver, name, type), type_(type), listener_(listener) {}
  ~AskedRecords() override = default;

 private:
  void deliver(Said const& said) override {
    auto const parse = [this](route::Octets message) {
      return route::parse_record_answer(message, type_);
    };
    listener_.on_records(answer_of<route::RecordAnswer>(said, parse));
  }
  std::uint16_t type_;
  route::RecordListener& listener_;
};

class UnboundResolver::Probe final : public Asked {
 public:
  explicit Probe(UnboundResolver& resolver)
      : Asked(resolver, ".", route::type_dnskey), owner_(resolver) {}
  ~Probe() override = default;

 private:
  void deliver(Said const& said) override {
    bool const is_secure = said.is_secure && route::holds_record(said.message, route::type_dnskey);
    owner_.on_probe(is_secure, said.why.empty() ? "the answer is not signed" : said.why);
  }
  UnboundResolver& owner_;
};

UnboundResolver::UnboundResolver(Loop& loop, Log& log, DnsSettings settings,
                                 Duration probe_again_after)
    : loop_(loop),
      log_(log),
      settings_(std::move(settings)),
      probe_again_after_(probe_again_after),
      sweep_event_(loop.make_event(-1, 0, on_sweep, this)),
      probe_event_(loop.make_event(-1, 0, on_probe_time, this)) {
  start();
}

UnboundResolver::~UnboundResolver() {
  probe_.reset();
  // Deleting a context calls back what is pending in it, so nothing may be.
  while (!held_.empty()) held_.front()->leave();
  while (!pending_.empty()) pending_.front()->leave();
}

std::unique_ptr<route::Question> UnboundResolver::mx(std::string const& domain,
                                                     route::MxListener& listener) {
  return begin(std::make_unique<AskedMx>(*this, domain, listener));
}

std::unique_ptr<route::Question> UnboundResolver::addresses(std::string const& host,
                                                            IpAddress::Family family,
                                                            route::AddressListener& listener) {
  return begin(std::make_unique<AskedAddresses>(*this, host, family, listener));
}

std::unique_ptr<route::Question> UnboundResolver::records(std::string const& name,
                                                          std::uint16_t type,
                                                          route::RecordListener& listener) {
  return begin(std::make_unique<AskedRecords>(*this, name, type, listener));
}

std::unique_ptr<route::Question> UnboundResolver::begin(std::unique_ptr<Asked> asked) {
  if (active_) {
    asked->send(*active_);
    if (asked->is_ended()) return nullptr;
  } else {
    asked->hold();
  }
  asked->arm(settings_.timeout);
  return asked;
}

void UnboundResolver::reconfigure(DnsSettings settings) {
  settings_ = std::move(settings);
  retire(std::move(active_));
  start();
}

void UnboundResolver::start() {
  event_del(probe_event_.get());
  probe_.reset();
  retire(std::move(probing_));
  if (settings_.trust_anchor.empty()) return go_without_validation("trust_anchor is \"\"");
  if (access(settings_.trust_anchor.c_str(), R_OK) != 0)
    return go_without_validation(fmt::format("trust anchor {}: {} (package dns-root-data has one)",
                                             settings_.trust_anchor, std::strerror(errno)));
  is_validating_ = false;
  validation_ = "being tried";
  start_probe();
}

void UnboundResolver::start_probe() {
  auto context = UnboundContext::make(loop_.base(), settings_, true);
  if (!context) return go_without_validation(context.error().reason);
  probing_ = std::move(*context);
  auto probe = std::make_unique<Probe>(*this);
  auto* const asked = probe.get();
  probe_ = std::move(probe);
  asked->send(*probing_);
  if (probe_ && !probe_->is_ended()) probe_->arm(std::min(settings_.timeout, longest_probe));
}

void UnboundResolver::on_probe(bool is_secure, std::string const& why) {
  auto context = std::move(probing_);
  if (is_secure) {
    is_validating_ = true;
    validation_ = "on";
    log_.info("dns: DNSSEC validation is on");
    return use(std::move(context));
  }
  retire(std::move(context));
  go_without_validation(
      fmt::format("the DNS servers give no validated answer for \". DNSKEY\": {}", why));
  Loop::arm(probe_event_.get(), probe_again_after_);
}

// The operator's own choice, "", is no reason to warn.
void UnboundResolver::go_without_validation(std::string const& why) {
  auto const words = "off: " + why;
  if (words != validation_)
    log_.write(settings_.trust_anchor.empty() ? LogLevel::Info : LogLevel::Warning,
               fmt::format("dns: DNSSEC validation and DANE are {}", words));
  is_validating_ = false;
  validation_ = words;
  if (active_) return;
  auto context = UnboundContext::make(loop_.base(), settings_, false);
  if (context) return use(std::move(*context));
  log_.error(fmt::format("dns: {}", context.error().reason));
  while (!held_.empty()) held_.front()->fail(context.error().reason);
}

void UnboundResolver::use(std::unique_ptr<UnboundContext> context) {
  retire(std::move(active_));
  active_ = std::move(context);
  while (active_ && !held_.empty()) {
    auto* const asked = held_.front();
    held_.pop_front();
    asked->send(*active_);
  }
}

void UnboundResolver::retire(std::unique_ptr<UnboundContext> context) {
  if (!context) return;
  retired_.push_back(std::move(context));
  sweep();
}

// Later, since this may be inside a callback of the very context.
void UnboundResolver::sweep() {
  event_active(sweep_event_.get(), EV_TIMEOUT, 0);
}

void UnboundResolver::on_sweep(evutil_socket_t, short, void* self) {
  auto& retired = static_cast<UnboundResolver*>(self)->retired_;
  retired.erase(std::remove_if(retired.begin(), retired.end(),
                               [](auto const& context) { return context->pending == 0; }),
                retired.end());
}

void UnboundResolver::on_probe_time(evutil_socket_t, short, void* self) {
  static_cast<UnboundResolver*>(self)->start_probe();
}

}  // namespace mailpool::manager

// A million random steps over the limits of all levels, beside a model of each that is as simple as
// can be: no permit leaks, none is exceeded, and the answer is the same; and the model notices when
// something is wrong.

#include <boost/test/unit_test.hpp>

#include <array>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/site/scope.h"

using namespace mailpool;
using namespace mailpool::site;
using namespace std::chrono_literals;

namespace {

enum class Fault : std::uint8_t { None, LeaksAPermit, ForgetsALevel, ForgetsARecipient };

/// A bucket that fills with time, in whole numbers: what a rate means.
struct Bucket {
  Rate rate;
  Duration owed{};

  [[nodiscard]] Duration one() const {
    auto const count = static_cast<Duration::rep>(rate.count);
    return Duration((rate.per.count() + count - 1) / count);
  }
  void pass(Duration d) { owed = std::max(owed - d, Duration::zero()); }
  [[nodiscard]] bool has(std::uint32_t units) const {
    if (!rate.is_limited()) return true;
    if (units > rate.burst) return owed == Duration::zero();
    return owed <= one() * static_cast<Duration::rep>(rate.burst - units);
  }
  void take(std::uint32_t units) {
    if (rate.is_limited()) owed += one() * static_cast<Duration::rep>(units);
  }
};

struct ModelScope {
  explicit ModelScope(Level level, std::string name) : scope(level, std::move(name)) {}
  Scope scope;
  std::optional<std::uint32_t> most;
  std::uint32_t in_use = 0;
  Bucket rate;
  Bucket recipients;
  Bucket connects;
};

class Model {
 public:
  explicit Model(Fault fault) : fault_(fault) {
    for (auto level :
         {Level::Total, Level::Source, Level::Domain, Level::SenderDomain, Level::Tenant})
      for (int i = 0; i < (level == Level::Total ? 1 : 3); ++i)
        of(level).push_back(std::make_unique<ModelScope>(level, std::to_string(i)));
  }
  ~Model() {
    sending_.clear();
    open_.clear();
    lost_.clear();
  }
  Model(Model const&) = delete;
  Model& operator=(Model const&) = delete;

  /// What went wrong first; "" if nothing did.
  std::string run(int steps) {
    for (int i = 0; i < steps && wrong_.empty(); ++i) {
      step();
      check(i);
    }
    if (!wrong_.empty()) return wrong_;
    for (auto& s : sending_) forget(s);
    sending_.clear();
    for (auto& c : open_) forget(c);
    open_.clear();
    for (auto& scopes : scopes_)
      for (auto& s : scopes)
        if (s->scope.connections.in_use() != 0) return s->scope.title() + ": a permit is left";
    return {};
  }

  std::size_t begun = 0;
  std::size_t refused = 0;
  std::size_t opened = 0;

 private:
  using Scopes = std::vector<std::unique_ptr<ModelScope>>;
  struct Sending {
    std::vector<ModelScope*> counted;
    Permits permits;
  };
  struct Open {
    std::vector<ModelScope*> counted;
    std::vector<Permit> permits;
  };

  Scopes& of(Level level) { return scopes_[static_cast<std::size_t>(level)]; }
  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(dice_() % below); }
  /// One of the level, or none.
  ModelScope* any(Level level) {
    auto& all = of(level);
    auto const i = number(static_cast<std::uint32_t>(all.size()) + 1);
    return i == all.size() ? nullptr : all[i].get();
  }

  void step() {
    switch (number(16)) {
      case 0:
        return reconfigure();
      case 1:
      case 2:
      case 3:
        return pass(Duration(number(300) * 1'000'000LL));
      case 4:
      case 5:
        return open();
      case 6:
      case 7:
        return drop(open_);
      case 8:  // a retry: given back, and at once asked for again
        drop(sending_);
        return begin();
      case 9:
      case 10:
      case 11:
        return drop(sending_);  // an answer or a cancellation
      default:
        return begin();
    }
  }

  void pass(Duration d) {
    now_ += d;
    for (auto& scopes : scopes_)
      for (auto& s : scopes) {
        s->rate.pass(d);
        s->recipients.pass(d);
        s->connects.pass(d);
      }
  }

  void begin() {
    Levels levels;
    std::vector<ModelScope*> chosen;
    auto choose = [&](Level level, Scope*& place) {
      auto* const s = any(level);
      if (s == nullptr) return;
      place = &s->scope;
      chosen.push_back(s);
    };
    choose(Level::Total, levels.total);
    choose(Level::Source, levels.source);
    choose(Level::Domain, levels.domain);
    choose(Level::SenderDomain, levels.sender_domain);
    choose(Level::Tenant, levels.tenant);
    auto const recipients = number(6) + 1;
    auto told = recipients;
    if (fault_ == Fault::ForgetsALevel && number(500) == 0) levels.tenant = nullptr;
    if (fault_ == Fault::ForgetsARecipient && number(500) == 0) told = 1;
    bool const may = may_begin(levels, told, now_).wait.is_over();
    bool should = true;
    for (auto* s : chosen) {
      bool const is_held = !counts_open_connections(s->scope.level());
      should = should && (!is_held || !s->most || s->in_use < *s->most) && s->rate.has(1) &&
               s->recipients.has(recipients);
    }
    if (may != should) {
      wrong_ = may ? "begins although a level forbids it" : "waits although every level allows it";
      return;
    }
    if (!may) return static_cast<void>(++refused);
    ++begun;
    Sending sending;
    sending.permits = site::begin(levels, told, now_);
    for (auto* s : chosen) {
      s->rate.take(1);
      s->recipients.take(recipients);
      if (counts_open_connections(s->scope.level())) continue;
      ++s->in_use;
      sending.counted.push_back(s);
    }
    sending_.push_back(std::move(sending));
  }

  void open() {
    Open open;
    for (auto level : {Level::Total, Level::Source}) {
      auto* const s = any(level);
      if (s == nullptr) continue;
      bool const may = s->scope.may_open(now_).is_over();
      bool const should = (!s->most || s->in_use < *s->most) && s->connects.has(1);
      if (may != should) wrong_ = "opens or not, against what the level says";
      if (!may || !should) break;
      open.permits.push_back(s->scope.open(now_));
      open.counted.push_back(s);
      s->connects.take(1);
      ++s->in_use;
    }
    ++opened;
    open_.push_back(std::move(open));
  }

  template <class Held>
  static void forget(Held& held) {
    for (auto* s : held.counted) --s->in_use;
  }

  template <class Held>
  void drop(std::vector<Held>& all) {
    if (all.empty()) return;
    auto& held = all[number(static_cast<std::uint32_t>(all.size()))];
    forget(held);
    if constexpr (std::is_same_v<Held, Sending>)
      if (fault_ == Fault::LeaksAPermit && number(500) == 0)
        lost_.push_back(std::move(held.permits));
    std::swap(held, all.back());
    all.pop_back();
  }

  void reconfigure() {
    auto& scopes = scopes_[number(static_cast<std::uint32_t>(scopes_.size()))];
    auto& s = *scopes[number(static_cast<std::uint32_t>(scopes.size()))];
    LevelSettings settings;
    if (number(4) != 0) settings.max_connections = number(6) + 1;
    // A rate stays what it is: how much of an old rate's debt a new one takes over has its own
    // test.
    auto rate = [&](Bucket& bucket, Rate const& once) {
      if (!bucket.rate.is_limited()) bucket.rate = once;
      return bucket.rate;
    };
    settings.rate = rate(s.rate, {number(20) + 5, 1s, number(4) + 1});
    settings.recipient_rate = rate(s.recipients, {number(60) + 5, 1s, number(8) + 1});
    settings.connect_rate = rate(s.connects, {number(20) + 5, 1s, number(4) + 1});
    s.most = settings.max_connections;
    s.scope.reconfigure(settings, now_);
  }

  void check(int step) {
    for (auto& scopes : scopes_)
      for (auto& s : scopes)
        if (s->scope.connections.in_use() != s->in_use && wrong_.empty())
          wrong_ = s->scope.title() + ": permits out and permits counted differ after step " +
                   std::to_string(step);
  }

  Fault fault_;
  std::mt19937_64 dice_{4711};
  TimePoint now_{1000s};
  std::array<Scopes, 5> scopes_;
  std::vector<Sending> sending_;
  std::vector<Open> open_;
  std::vector<Permits> lost_;
  std::string wrong_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(permits_model)

BOOST_AUTO_TEST_CASE(in_a_million_steps_no_permit_leaks_and_no_limit_is_exceeded) {
  Model model(Fault::None);
  BOOST_TEST(model.run(1'000'000) == "");
  BOOST_TEST(model.begun > 50'000U, "the steps mean something");
  BOOST_TEST(model.refused > 50'000U);
  BOOST_TEST(model.opened > 50'000U);
}

BOOST_AUTO_TEST_CASE(the_model_notices_what_is_planted) {
  for (auto fault : {Fault::LeaksAPermit, Fault::ForgetsALevel, Fault::ForgetsARecipient})
    BOOST_TEST(Model(fault).run(100'000) != "", static_cast<int>(fault));
}

BOOST_AUTO_TEST_SUITE_END()

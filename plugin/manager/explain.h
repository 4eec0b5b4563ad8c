#pragma once
// The way a recipient would take now: its site and why it is that one, its source, every limit with
// its use, and what it would wait for.

#include <memory>
#include <string>

#include "core/control/actions.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

class Explainer {
 public:
  Explainer(delivery::Dispatcher& dispatcher, delivery::Clock const& clock)
      : dispatcher_(dispatcher), clock_(clock) {}

  /// `domain` is the recipient's, `route` the way there.
  [[nodiscard]] control::Explanation explain(control::Question const& question,
                                             std::string const& domain,
                                             std::shared_ptr<route::Route const> route);

  /// There is no way there now (DNS is down, perhaps): what is known all the same.
  [[nodiscard]] control::Explanation explain_without_route(control::Question const& question,
                                                           std::string const& domain,
                                                           Outcome const& outcome);

 private:
  void begin(control::Question const& question, std::string const& domain,
             std::shared_ptr<route::Route const> route, control::Explanation& e);
  void add_targets(control::Explanation& e) const;
  void add_limits(control::Explanation& e) const;
  void add_site_limits(control::Explanation& e) const;
  void add_path_limits(control::Explanation& e, delivery::Site const& site,
                       delivery::Path const& path) const;
  void add_paths(control::Explanation& e, delivery::Site const& site) const;
  void add_scope(control::Explanation& e, site::Scope const* scope) const;
  void add_warm_up(control::Explanation& e, site::Source const& source) const;
  void add_rate(control::Explanation& e, std::string const& scope, std::string option,
                site::RateLimit const& limit) const;
  void add_count(control::Explanation& e, std::string const& scope, std::string option,
                 std::optional<std::uint64_t> most, std::uint64_t in_use) const;
  void judge(control::Explanation& e);
  void refuse(control::Explanation& e, delivery::Refusal const& refusal) const;
  void tell(control::Explanation& e, delivery::Stay const& stay) const;
  void tell_impossible(control::Explanation& e) const;
  [[nodiscard]] std::string words_for(delivery::Use const& use) const;
  [[nodiscard]] std::string words_for(delivery::Check const& check) const;
  [[nodiscard]] std::string words_for(delivery::Open const& open) const;
  [[nodiscard]] std::string words_for(delivery::Overtake const& overtake) const;
  [[nodiscard]] std::string words_for(delivery::GiveUp const& give_up) const;
  [[nodiscard]] std::string words_for(delivery::MakeRoom const&) const;
  [[nodiscard]] std::string source_text() const;

  delivery::Dispatcher& dispatcher_;
  delivery::Clock const& clock_;
  std::shared_ptr<route::Route const> route_;
  delivery::Site const* site_ = nullptr;
  delivery::Transaction probe_;
  site::Source* source_ = nullptr;
};

}  // namespace mailpool::manager

#pragma once
// What the running manager knows of a domain without asking DNS, for those who ask for room.

#include <set>
#include <string>
#include <unordered_map>

#include "core/admission/desk.h"
#include "core/delivery/dispatcher.h"

namespace mailpool::manager {

class AdmissionPlaces final : public admission::Places {
 public:
  /// References must outlive it; `settings` is copied where it is needed.
  AdmissionPlaces(delivery::Dispatcher const& dispatcher, delivery::Clock const& clock,
                  Settings const& settings);

  [[nodiscard]] admission::Place place_of(std::string const& domain, TimePoint now) const override;
  void reconfigure(Settings const& settings);

 private:
  delivery::Dispatcher const& dispatcher_;
  delivery::Clock const& clock_;
  std::set<std::string> excluded_;
  std::unordered_map<std::string, std::string> site_of_;  ///< `domains` of the named sites
};

}  // namespace mailpool::manager

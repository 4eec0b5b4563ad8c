#include "core/config/login_settings.h"

namespace mailpool {

std::vector<sasl::Mechanism> LoginSettings::usable_mechanisms() const {
  if (!mechanisms.empty()) return mechanisms;
  std::vector<sasl::Mechanism> usable;
  for (auto mechanism : sasl::all_mechanisms)
    if (sasl::wants_token(mechanism) == has_token() && mechanism != sasl::Mechanism::CramMd5)
      usable.push_back(mechanism);
  return usable;
}

}  // namespace mailpool

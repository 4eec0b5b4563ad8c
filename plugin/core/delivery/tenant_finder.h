#pragma once
// Whose a message is, and of which campaign: the milter's seal says so, or a header where that is
// trusted; the tenant's sender domain does.

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/delivery/scopes.h"
#include "core/message/message.h"
#include "core/message/tenant_seal.h"

namespace mailpool::delivery {

class TenantFinder {
 public:
  /// Without keys no seal is believed.
  void set_keys(std::optional<SealKeys> keys) { keys_ = std::move(keys); }
  void set_trust_unsigned(bool trust) { trust_unsigned_ = trust; }

  struct Found {
    std::string tenant;    ///< "": nobody's
    std::string campaign;  ///< "": none
    std::string doubt;     ///< why a seal was not believed, for the log; else ""
  };
  /// `envelope.sender_domain` and `envelope.marks` are known.
  [[nodiscard]] Found find(Envelope const& envelope, Scopes const& scopes, WallTime now) const;

 private:
  std::optional<SealKeys> keys_;
  bool trust_unsigned_ = false;
};

}  // namespace mailpool::delivery

#pragma once
// What a transaction logs in as, where its route wants a login.

#include <string>

namespace mailpool::delivery {

struct LoginUse {
  std::string name;           ///< of [login.NAME]; "": none
  std::string sender_domain;  ///< where the sender's domain chose it
  [[nodiscard]] bool is_none() const { return name.empty(); }
};

}  // namespace mailpool::delivery

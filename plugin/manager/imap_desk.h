#pragma once
// The operator's questions about the IMAP pools, answered from the running ones.

#include "core/control/imap_status.h"
#include "core/delivery/network.h"
#include "manager/imap_pools.h"

namespace mailpool::manager {

class ImapDesk final : public control::ImapActions {
 public:
  ImapDesk(ImapPools& pools, delivery::Clock const& clock) : pools_(pools), clock_(clock) {}

  control::ImapStatus imap_status(std::size_t most, std::string const& user) override;
  std::vector<control::ImapConnectionStatus> imap_connections(std::size_t most) override;
  Result<std::string> imap_flush(std::string const& user) override;
  Result<std::string> imap_kill(std::string const& id) override;
  Result<std::string> imap_pause(std::string const& profile) override;
  Result<std::string> imap_resume(std::string const& profile) override;

 private:
  [[nodiscard]] Result<imap::Profile*> find(std::string const& profile) const;
  ImapPools& pools_;
  delivery::Clock const& clock_;
};

}  // namespace mailpool::manager

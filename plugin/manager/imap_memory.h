#pragma once
// What IMAP servers offered, kept in the state database.

#include <chrono>
#include <map>
#include <string>

#include "core/imap/memory.h"
#include "core/state/store.h"

namespace mailpool::manager {

class ImapMemory final : public imap::Memory {
 public:
  explicit ImapMemory(state::Store& store);

  [[nodiscard]] std::optional<std::string> capabilities(std::string const& place) override;
  void keep_capabilities(std::string const& place, std::string record) override;

 private:
  struct Entry {
    std::string record;
    WallTime written{};  ///< by this process
  };
  state::Store& store_;
  std::map<std::string, Entry> capabilities_;
};

}  // namespace mailpool::manager

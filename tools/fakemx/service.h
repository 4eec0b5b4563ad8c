#pragma once
// What all connections of a server share.

#include <cstdint>
#include <vector>

#include "fakemx/journal.h"
#include "fakemx/provider.h"
#include "fakemx/rule_book.h"
#include "fakemx/settings.h"
#include "fakemx/stats.h"
#include "fakemx/tls.h"

namespace mailpool::fakemx {

struct Service {
  bool lmtp = false;
  bool log_all = false;  ///< messages that were not accepted go to the log, too
  Settings settings;
  RuleBook rules;
  Provider provider;
  Stats stats;
  Journal journal;
  SslContext tls;
  event_base* base = nullptr;
  std::vector<char> scratch = std::vector<char>(std::size_t{64} << 10U);
  std::uint64_t connections = 0;  ///< accepted since the start; the number of a connection
  std::uint64_t mails = 0;        ///< MAIL commands of all connections
};

}  // namespace mailpool::fakemx

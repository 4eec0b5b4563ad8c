#pragma once
// What all sites share about TLS: domains with options of their own, endpoints that failed, counts
// for reports.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/config/tls_settings.h"
#include "core/tls/memory.h"
#include "core/tls/reports.h"

namespace mailpool::delivery {

struct DomainTls {
  std::optional<TlsLevel> level;
  std::vector<std::string> match;
};

struct TlsContext {
  explicit TlsContext(state::Store& store) : memory(store), reports(store) {}

  std::unordered_map<std::string, DomainTls> domains;  ///< those of [domain."x"] that say more
  tls::Memory memory;
  tls::Reports reports;
};

}  // namespace mailpool::delivery

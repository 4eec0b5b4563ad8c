#pragma once
// How long the parts of a delivery took, of a site or of all.

#include "core/base/histogram.h"

namespace mailpool {

struct StageTimes {
  Histogram wait;         ///< transactions that were begun: for their turn
  Histogram connect;      ///< connections that became ready: until connected
  Histogram handshake;    ///< likewise, of TLS
  Histogram transaction;  ///< on the wire: from MAIL to the last reply
  Histogram delivery;     ///< recipients that were delivered: since mailpool had the message
};

}  // namespace mailpool

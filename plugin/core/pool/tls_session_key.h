#pragma once
// Whose a TLS session is: it is resumed by connections of an equal key alone.
//
// Stricter than the reuse key. A connection is judged by what it achieved, whoever uses it; a
// session to be resumed achieves nothing anew, so it stays with those who required the same of the
// full handshake.

#include <compare>
#include <string>

#include "core/pool/reuse_key.h"

namespace mailpool::pool {

struct TlsSessionKey {
  ReuseKey wire;
  std::string policy;   ///< Policy::fingerprint() of whom the connection is opened for
  std::string records;  ///< digest of the TLSA records that the handshake is given

  auto operator<=>(TlsSessionKey const&) const = default;
};

}  // namespace mailpool::pool

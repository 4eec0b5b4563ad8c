#pragma once
// The TLS sessions that servers gave us (RFC 5077, RFC 8446 2.2), for later connections of the same
// key.
//
// A resumed handshake shows no certificate. So a session is kept with what its full handshake
// proved, and is of no use any more when that ends: with the first certificate of the chain, after
// an hour at the latest, however often it was resumed in between.

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/secret.h"
#include "core/base/time.h"
#include "core/pool/tls_session_key.h"
#include "core/tls/facts.h"

namespace mailpool::manager {

/// What a full handshake proved, and when.
struct TlsProof {
  tls::Facts facts;
  WallTime at{};
};

struct TlsSessionDeleter {
  void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
};
using TlsSessionPtr = std::unique_ptr<SSL_SESSION, TlsSessionDeleter>;

class TlsSessions {
 public:
  /// After it the server shows its certificate again (Postfix: smtp_tls_session_cache_timeout).
  static constexpr Duration longest_life = std::chrono::hours(1);

  struct Limits {
    std::size_t sessions = 5000;
    std::size_t octets = 16U << 20U;
    std::size_t of_one_key = 32;  ///< as many connections can be opened at once with them
    std::size_t octets_of_one = 32U << 10U;
  };
  struct Offer {
    TlsSessionPtr session;
    std::shared_ptr<TlsProof const> proof;
  };

  TlsSessions() : TlsSessions(Limits()) {}
  explicit TlsSessions(Limits limits) : limits_(limits) {}
  TlsSessions(TlsSessions const&) = delete;
  TlsSessions& operator=(TlsSessions const&) = delete;

  /// Keeps a copy of the session, if it can be resumed and has not ended. Of too many, those go
  /// whose key was not asked for the longest.
  void put(pool::TlsSessionKey const& key, SSL_SESSION const* session,
           std::shared_ptr<TlsProof const> proof, WallTime now);
  /// The newest of the key. One of TLS 1.3 is given out once (RFC 8446 C.4), one of TLS 1.2 stays.
  [[nodiscard]] std::optional<Offer> take(pool::TlsSessionKey const& key, WallTime now);
  /// One was offered in vain: none is given out for the key for an hour, since a server that
  /// stumbled over one will stumble over the next.
  void failed(pool::TlsSessionKey const& key, WallTime now);
  /// The options may have changed, or the files that they name. What connections from before are
  /// still given is of an older generation and not to be put.
  void forget_all();
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

  [[nodiscard]] std::size_t size() const { return sessions_; }
  [[nodiscard]] std::size_t octets() const { return octets_; }

 private:
  struct Kept {
    Secret octets;  ///< as OpenSSL serialises them, keys and all
    std::shared_ptr<TlsProof const> proof;
    WallTime since;
    WallTime until;
    bool is_for_once = false;
    [[nodiscard]] bool is_good(WallTime now) const { return since <= now && now < until; }
  };
  struct Place;
  using Places = std::map<pool::TlsSessionKey, Place>;
  struct Place {
    std::vector<Kept> sessions;  ///< oldest first
    WallTime refused_until{};
    std::list<Places::iterator>::iterator turn;
  };

  Places::iterator touch(pool::TlsSessionKey const& key);
  void drop(Place& place, std::size_t at);
  void drop_ended(Place& place, WallTime now);
  void remove(Places::iterator place);
  void make_room(WallTime now);

  Limits limits_;
  Places places_;
  std::list<Places::iterator> turns_;  ///< the one used last first
  std::size_t sessions_ = 0;
  std::size_t octets_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace mailpool::manager

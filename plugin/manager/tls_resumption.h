#pragma once
// One connection's part in the resumption of TLS sessions: the one that its handshake offers, and
// those that the server gives it, at any time (RFC 8446 4.6.1: also while it is idle).

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "manager/tls_sessions.h"

namespace mailpool::manager {

/// Connections of this context hand the sessions that they are given to their TlsResumption.
void gather_sessions(SSL_CTX* context);

class TlsResumption {
 public:
  /// Before the handshake; offers a session of the key, if there is one. `ssl` and `sessions`
  /// outlive it.
  TlsResumption(TlsSessions& sessions, SSL* ssl, pool::TlsSessionKey key);
  /// A session that was offered and led to nothing, or to a connection on which nothing was ever
  /// heard, was the last one of its key for a while.
  ~TlsResumption();
  TlsResumption(TlsResumption const&) = delete;
  TlsResumption& operator=(TlsResumption const&) = delete;

  [[nodiscard]] bool has_offered() const { return offered_ != nullptr; }
  /// After a handshake: the proof of the session that it resumed; null: it was a full one, which
  /// proves for itself.
  [[nodiscard]] TlsProof const* resumed() const;
  /// The handshake's facts are what is required: sessions are kept, those that have come and those
  /// that will, as soon as something is heard. Not called: none.
  void keep(tls::Facts const& facts);
  /// The server has said something under TLS: the handshake has worked at its end as well.
  void note_heard();
  [[nodiscard]] bool has_heard() const { return has_heard_; }

 private:
  friend void gather_sessions(SSL_CTX* context);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  void put(SSL_SESSION const* session);
  void put_early();

  TlsSessions& sessions_;
  SSL* ssl_;
  pool::TlsSessionKey key_;
  std::uint64_t generation_;
  std::shared_ptr<TlsProof const> offered_;
  std::shared_ptr<TlsProof const> proof_;  ///< of what is given; null: it is not kept
  std::vector<TlsSessionPtr> early_;       ///< given before keep() and note_heard()
  bool has_heard_ = false;
};

}  // namespace mailpool::manager

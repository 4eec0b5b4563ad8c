#include "manager/tls_resumption.h"

#include <openssl/err.h>

#include <chrono>
#include <utility>

namespace mailpool::manager {
namespace {

using Wall = std::chrono::system_clock;

// TLS 1.2 gives one within the handshake, TLS 1.3 some right behind it.
constexpr std::size_t most_early = 4;

}  // namespace

void gather_sessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(
      context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_sess_set_new_cb(context, &TlsResumption::on_new_session);
}

TlsResumption::TlsResumption(TlsSessions& sessions, SSL* ssl, pool::TlsSessionKey key)
    : sessions_(sessions), ssl_(ssl), key_(std::move(key)), generation_(sessions.generation()) {
  SSL_set_app_data(ssl_, this);
  auto offer = sessions_.take(key_, Wall::now());
  if (offer && SSL_set_session(ssl_, offer->session.get()) == 1) offered_ = std::move(offer->proof);
  ERR_clear_error();
}

TlsResumption::~TlsResumption() {
  SSL_set_app_data(ssl_, nullptr);
  if (offered_ && !(proof_ && has_heard_)) sessions_.failed(key_, Wall::now());
}

TlsProof const* TlsResumption::resumed() const {
  return SSL_session_reused(ssl_) == 1 ? offered_.get() : nullptr;
}

void TlsResumption::keep(tls::Facts const& facts) {
  // What a resumed one is given lives on what the full handshake proved, and no longer.
  proof_ = resumed() != nullptr ? offered_
                                : std::make_shared<TlsProof const>(TlsProof{facts, Wall::now()});
  if (has_heard_) put_early();
}

void TlsResumption::note_heard() {
  if (std::exchange(has_heard_, true)) return;
  if (proof_) put_early();
}

void TlsResumption::put_early() {
  for (auto const& session : std::exchange(early_, {})) put(session.get());
}

void TlsResumption::put(SSL_SESSION const* session) {
  if (generation_ == sessions_.generation()) sessions_.put(key_, session, proof_, Wall::now());
}

// Its value: whether the session is ours now.
int TlsResumption::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* const self = static_cast<TlsResumption*>(SSL_get_app_data(ssl));
  if (self == nullptr) return 0;
  if (self->proof_ && self->has_heard_) {
    self->put(session);
    return 0;
  }
  if (self->early_.size() >= most_early) return 0;
  self->early_.emplace_back(session);
  return 1;
}

}  // namespace mailpool::manager

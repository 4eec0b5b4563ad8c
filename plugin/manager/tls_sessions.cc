#include "manager/tls_sessions.h"

#include <openssl/err.h>

#include <algorithm>
#include <string>
#include <utility>

namespace mailpool::manager {
namespace {

using std::chrono::seconds;

bool is_tls13(SSL_SESSION const* session) {
  return SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION;
}

// How long the server will know it. No lifetime is the end of it in TLS 1.3 (RFC 8446 4.6.1), and
// no promise in TLS 1.2 (RFC 5077 3.3).
Duration life_of(SSL_SESSION const* session) {
  auto const hint = seconds(SSL_SESSION_get_ticket_lifetime_hint(session));
  if (hint == seconds(0) && !is_tls13(session)) return TlsSessions::longest_life;
  return std::min<Duration>(hint, TlsSessions::longest_life);
}

Secret serialized(SSL_SESSION const* session, std::size_t most) {
  int const size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > most) return {};
  std::string octets(static_cast<std::size_t>(size), '\0');
  auto* to = reinterpret_cast<unsigned char*>(octets.data());
  i2d_SSL_SESSION(session, &to);
  return Secret::from(std::move(octets));
}

TlsSessionPtr session_of(Secret const& octets) {
  auto const text = octets.reveal();
  auto const* from = reinterpret_cast<unsigned char const*>(text.data());
  TlsSessionPtr session(d2i_SSL_SESSION(nullptr, &from, static_cast<long>(text.size())));
  ERR_clear_error();
  return session;
}

}  // namespace

void TlsSessions::put(pool::TlsSessionKey const& key, SSL_SESSION const* session,
                      std::shared_ptr<TlsProof const> proof, WallTime now) {
  if (SSL_SESSION_is_resumable(session) != 1) return;
  auto const until =
      std::min({now + life_of(session), proof->at + longest_life, proof->facts.proved_until});
  if (until <= now) return;
  Kept kept{serialized(session, limits_.octets_of_one), std::move(proof), now, until,
            is_tls13(session)};
  if (kept.octets.is_empty()) return;
  auto& place = touch(key)->second;
  drop_ended(place, now);
  if (now < place.refused_until) return;
  // One that can be used again and again needs no second one beside it.
  auto const most = kept.is_for_once ? limits_.of_one_key : 1;
  while (place.sessions.size() >= most) drop(place, 0);
  ++sessions_;
  octets_ += kept.octets.reveal().size();
  place.sessions.push_back(std::move(kept));
  make_room(now);
}

std::optional<TlsSessions::Offer> TlsSessions::take(pool::TlsSessionKey const& key, WallTime now) {
  if (!places_.contains(key)) return std::nullopt;
  auto& place = touch(key)->second;
  drop_ended(place, now);
  if (place.sessions.empty()) return std::nullopt;
  auto const& newest = place.sessions.back();
  Offer offer{session_of(newest.octets), newest.proof};
  if (newest.is_for_once || !offer.session) drop(place, place.sessions.size() - 1);
  return offer.session ? std::optional(std::move(offer)) : std::nullopt;
}

void TlsSessions::failed(pool::TlsSessionKey const& key, WallTime now) {
  auto& place = touch(key)->second;
  while (!place.sessions.empty()) drop(place, 0);
  place.refused_until = now + longest_life;
  make_room(now);
}

void TlsSessions::forget_all() {
  ++generation_;
  turns_.clear();
  places_.clear();
  sessions_ = octets_ = 0;
}

TlsSessions::Places::iterator TlsSessions::touch(pool::TlsSessionKey const& key) {
  auto const [place, is_new] = places_.try_emplace(key);
  if (is_new) {
    place->second.turn = turns_.insert(turns_.begin(), place);
  } else {
    turns_.splice(turns_.begin(), turns_, place->second.turn);
  }
  return place;
}

void TlsSessions::drop(Place& place, std::size_t at) {
  --sessions_;
  octets_ -= place.sessions[at].octets.reveal().size();
  place.sessions.erase(place.sessions.begin() + static_cast<std::ptrdiff_t>(at));
}

void TlsSessions::drop_ended(Place& place, WallTime now) {
  for (std::size_t i = place.sessions.size(); i-- > 0;)
    if (!place.sessions[i].is_good(now)) drop(place, i);
}

void TlsSessions::remove(Places::iterator place) {
  while (!place->second.sessions.empty()) drop(place->second, 0);
  turns_.erase(place->second.turn);
  places_.erase(place);
}

// Also of those that have ended, though nobody asks for them again: they hold keys.
void TlsSessions::make_room(WallTime now) {
  while (!turns_.empty()) {
    auto const oldest = turns_.back();
    bool const is_over = sessions_ > limits_.sessions || octets_ > limits_.octets ||
                         places_.size() > limits_.sessions;
    drop_ended(oldest->second, now);
    bool const is_empty = oldest->second.sessions.empty() && oldest->second.refused_until <= now;
    if (!is_over && !is_empty) return;
    remove(oldest);
  }
}

}  // namespace mailpool::manager

// How logins at the server end, and what a profile learns from that: about the secret, about the
// user's turn, or about the server. No end of one user's login is a fault of the server.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/imap/profile.h"

namespace mailpool::imap {
namespace {

using pool::ConnectionState;

// Descriptors that are short are not asked for again and again.
constexpr Duration shortage_rest = std::chrono::seconds(1);
// What a server lacks is looked at again after this.
constexpr Duration lacks_for = std::chrono::minutes(1);

}  // namespace

void Profile::on_logged_in(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  health_.note_success(upstream.plan().server_index);
  user.note_login(upstream.plan().server_index);
  user.login.add(now - upstream.plan().opened_at);
  user.last_error.clear();
  ++user.created;
  ++totals_.created;
  auto const before = user.generation();
  // What was verified as a reload has just forbidden proves no password.
  if (is_up_to_date(upstream)) user.note_success(upstream.plan().verifier, now);
  upstream.set_generation(user.generation());
  if (user.generation() != before) close_idle(user, Discard::CredChanged, now);
  note_offer(upstream, now);
  context_.log.info(fmt::format("imap connection {} state=idle login={:.3f}", name_of(upstream),
                                seconds(now - upstream.plan().opened_at)));
  on_ready(upstream, now);
}

void Profile::on_not_logged_in(Upstream& upstream, TimePoint now) {
  using State = UpstreamLogin::State;
  auto& user = upstream.user();
  user.last_error = upstream.failure();
  // Of sockets that cannot be made the log tells once for all.
  if (!upstream.has_lacked_socket())
    context_.log.warning(fmt::format("imap connection {} state=closing reason=\"{}\"",
                                     name_of(upstream), printable(upstream.failure())));
  note_offer(upstream, now);
  auto const server = upstream.plan().server_index;
  auto const state = upstream.login().state();
  auto const verifier = upstream.plan().verifier;
  auto const failure = upstream.failure();
  bool const was_answered = state == State::Refused || state == State::Unclear ||
                            state == State::PutOff || state == State::NotOffered;
  if (was_answered) health_.note_success(server);
  bool const was_known = is_known(user, verifier);
  if (state == State::Refused)
    login_was_refused(upstream, now);
  else if (state == State::PutOff || (state == State::Unclear && was_known))
    user.put_off_logins(server, now);
  else if (!was_answered)
    login_failed(upstream, now);
  user.connections().enter(upstream, ConnectionState::Closing);
  upstream.close(now);
  bool const is_final = state == State::Refused || state == State::NotOffered ||
                        (state == State::Unclear && !was_known);
  if (is_final) refuse_all_with(user, verifier, failure, now);
  due();
}

void Profile::login_was_refused(Upstream& upstream, TimePoint now) {
  auto& user = upstream.user();
  auto const& verifier = upstream.plan().verifier;
  ++user.logins_refused;
  ++totals_.logins_refused;
  if (is_of_account(user, verifier)) account_was_refused_ = true;
  if (is_of_account(user, verifier)) warm_after_ = after(now, settings_.reauth_interval);
  refusals_.note(verifier, upstream.failure(), now);
  // Only what was proved by the very secret that is refused now is thrown away.
  if (!user.remembers(verifier)) return;
  user.forget();
  close_idle(user, Discard::CredChanged, now);
}

// It came to no answer.
void Profile::login_failed(Upstream& upstream, TimePoint now) {
  auto const& plan = upstream.plan();
  auto const& login = upstream.login();
  if (upstream.has_lacked_socket()) {
    rest_for_sockets(now);
  } else if (login.has_refused_to_unauthenticate()) {
    // It may show at the next login only: nothing of that is the next user's.
    may_turn_over_ = false;
  } else if (login.is_said()) {
    // Who was asked for has to do with it; others may go on.
    health_.note_success(plan.server_index);
    upstream.user().put_off_logins(plan.server_index, now);
  } else if (plan.is_turned_over) {
    // No fault of the server's health: only connections that it has greeted tell of that.
  } else if (login.is_full()) {
    health_.note_full(plan.server_index, upstream.failure(), now);
  } else {
    health_.note_failure(plan.server_index, upstream.failure(), now);
  }
}

void Profile::rest_for_sockets(TimePoint now) {
  context_.no_socket_before = std::max(context_.no_socket_before, after(now, shortage_rest));
}

// Whoever is kept by it looks again when that is over.
bool Profile::lacks_sockets(TimePoint now) {
  if (context_.no_socket_before <= now) return false;
  next_run_ = std::min(next_run_, context_.no_socket_before);
  return true;
}

void Profile::refuse_all_with(UserPool& user, Verifier const& verifier, std::string const& text,
                              TimePoint now) {
  std::vector<Client*> refused;
  for (auto* client : waiting_)
    if (client->user == &user && is_same(client->verifier, &verifier)) refused.push_back(client);
  for (auto* client : refused) refuse(*client, text, now);
}

// What the servers offer.

std::string Profile::place() const {
  auto const& server = settings_.server.front();
  return fmt::format("{} {}:{}", settings_.name, server.host, server.port);
}

void Profile::recall_capabilities() {
  offer_ = {};
  offer_seen_at_ = never;
  auto const record = context_.memory.capabilities(place());
  if (!record) return;
  if (auto known = Offer::from_record(*record)) offer_ = std::move(*known);
}

void Profile::note_offer(Upstream const& upstream, TimePoint now) {
  auto const& before = upstream.login().before_login();
  if (before) {
    offer_.before_login = *before;
    offer_seen_at_ = now;
  }
  auto const* relay = upstream.relay_or_null();
  if (relay == nullptr) return;
  offer_.after_login = relay->capabilities();
  context_.memory.keep_capabilities(place(), offer_.to_record());
}

bool Profile::is_not_offered(SecretKind kind, TimePoint now) const {
  bool const is_fresh = offer_seen_at_ != never && now < after(offer_seen_at_, lacks_for);
  return is_fresh && offer_.before_login && !takes(*offer_.before_login, kind);
}

}  // namespace mailpool::imap

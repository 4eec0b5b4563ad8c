#pragma once
// [imap.NAME] at work: who waits for a connection, who gets which, and when a new one is worth
// opening.

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/imap/client.h"
#include "core/imap/memory.h"
#include "core/imap/offer.h"
#include "core/imap/refusals.h"
#include "core/imap/server_health.h"
#include "core/imap/user_pool.h"

namespace mailpool::imap {

/// What all profiles share. References outlive them.
struct Context {
  Dialer& dialer;
  Entropy& entropy;
  Log& log;
  Memory& memory;
  VerifierMaker verifiers;
  Reset reset = Reset::On;
  std::uint64_t last_id = 0;
  TimePoint no_socket_before{};  ///< until then no server is connected to: no socket can be made

  Context(Dialer& d, Entropy& e, Log& l, Memory& m, Reset r = Reset::On)
      : dialer(d), entropy(e), log(l), memory(m), verifiers(e), reset(r) {}
};

/// What has happened since the profile came to be, whichever users are still known.
struct Totals {
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t logins_refused = 0;
  DiscardCounts discarded{};

  void add(Totals const& other);
};

class Probe;

class Profile final : public UpstreamListener, public ClientListener {
 public:
  Profile(ImapSettings settings, std::string authorities, Context& context);
  ~Profile() override;

  /// A client that has connected. Give it its channel, then begin().
  Client& admit(Peer peer, TimePoint now);
  /// Takes over one of another listener, for a dynamic profile.
  void adopt(std::unique_ptr<Client> client, TimePoint now);
  /// Of [imap.NAME.account]; none where its file could not be read.
  void set_account_secret(Secret secret);
  /// The server refused the account's secret since this was last asked.
  [[nodiscard]] bool take_account_refusal() { return std::exchange(account_was_refused_, false); }
  [[nodiscard]] std::optional<LoginRequest> account_login() const;

  /// With the digest of the authorities that its tls_ca_file holds now.
  void reconfigure(ImapSettings settings, std::string authorities, TimePoint now);
  /// Nobody is logged in any more, and connections are closed as they become idle. Who has one may
  /// use it to the end of its session, or, where the profile goes away (Reload), of its command.
  void drain(Discard why, TimePoint now);
  void undrain();
  /// The time of a drain is over: loans end now, and every connection says LOGOUT if it can.
  void end_loans(TimePoint now);
  /// Closes what is still open.
  void stop(TimePoint now);
  void pause() { is_paused_ = true; }
  void resume(TimePoint now);
  /// Forgets what is believed of a user and closes its idle connections; how many. Nothing for a
  /// user who has none.
  std::optional<std::size_t> flush(std::string const& user, TimePoint now);
  /// Ends the loan of a connection, or closes it; whether there is one of this number.
  bool kill(std::uint64_t id, TimePoint now);
  /// open, paused, draining, or backing_off: the last connection to each server failed.
  [[nodiscard]] std::string_view state() const;
  [[nodiscard]] std::size_t idle() const;
  /// The idle connection that nobody has used for the longest time; null where there is none.
  [[nodiscard]] Upstream* longest_at_rest() const { return longest_at_rest_but_of(nullptr); }
  /// Closes an idle connection.
  void retire(Upstream& upstream, Discard reason, TimePoint now);

  /// Lends what there is and opens what is worth it. At the end of a turn.
  void run(TimePoint now);
  [[nodiscard]] bool has_work() const { return is_due_; }
  /// When run() has something to do next.
  [[nodiscard]] TimePoint deadline() const { return next_run_; }
  /// Destroys what has ended. At the end of a turn.
  void sweep();

  [[nodiscard]] ImapSettings const& settings() const { return settings_; }
  [[nodiscard]] bool is_paused() const { return is_paused_; }
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  [[nodiscard]] std::size_t clients() const { return clients_.size() - gone_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t open() const;
  [[nodiscard]] bool is_empty() const { return clients() == 0 && open() == 0; }
  [[nodiscard]] std::map<UserKey, std::unique_ptr<UserPool>> const& users() const { return users_; }
  [[nodiscard]] std::list<Client*> const& waiters() const { return waiting_; }
  [[nodiscard]] ServerHealth const& health() const { return health_; }
  [[nodiscard]] Offer const& offer() const { return offer_; }
  [[nodiscard]] TimePoint used_at() const { return used_at_; }
  [[nodiscard]] Totals const& totals() const { return totals_; }

  // UpstreamListener
  void on_logged_in(Upstream& upstream, TimePoint now) override;
  void on_not_logged_in(Upstream& upstream, TimePoint now) override;
  void on_ready(Upstream& upstream, TimePoint now) override;
  void on_broken(Upstream& upstream, TimePoint now) override;
  void on_rested(Upstream& upstream, TimePoint now) override;
  void on_closed(Upstream& upstream, TimePoint now) override;
  // ClientListener
  void on_request(Client& client, TimePoint now) override;
  void on_server_request(Client& client, TimePoint now) override;
  void on_loan_end(Client& client, Upstream& upstream, TimePoint now) override;
  void on_loan_too_long(Client& client, Upstream& upstream, TimePoint now) override;
  void on_waited(Client& client, TimePoint now) override;
  void on_wait_ended(Client& client, TimePoint now) override;
  [[nodiscard]] std::string pairs_for_id() const override;
  void on_gone(Client& client) override;

 private:
  friend class Probe;
  [[nodiscard]] UserPool& user_of(UserKey const& key);
  void begin_wait(Client& client, TimePoint now);
  void end_wait(Client& client, TimePoint now);
  /// When the login that is on its way for this client will be given up; never where there is none.
  [[nodiscard]] TimePoint login_due(Client const& client) const;
  void refuse(Client& client, std::string_view text, TimePoint now);
  [[nodiscard]] std::vector<Client*> all_clients() const;
  /// Whether the server is known, from a moment ago, to take no secret of this kind.
  [[nodiscard]] bool is_not_offered(SecretKind kind, TimePoint now) const;
  void login_was_refused(Upstream& upstream, TimePoint now);
  void login_was_unclear(Upstream& upstream, TimePoint now);
  void login_failed(Upstream& upstream, TimePoint now);
  void refuse_all_with(UserPool& user, Verifier const& verifier, std::string const& text,
                       TimePoint now);
  void serve_all(TimePoint now);
  /// Whether it got a connection, or is being refused.
  bool serve(Client& client, TimePoint now);
  bool lend_idle(Client& client, TimePoint now);
  void prove(Client& client, TimePoint now);
  /// Whether no login of this user is to be tried yet; looked at again when it is.
  bool is_put_off(UserPool const& user, TimePoint now);
  /// Whether a secret that nobody has proved may be tried now.
  [[nodiscard]] bool may_try_unknown(UserPool const& user, Peer const& peer) const;
  /// The first server that is not backing off and does not put this user off.
  [[nodiscard]] std::optional<std::size_t> server_for(UserPool const& user, TimePoint now) const;
  /// Whether the secret was good before, or is the operator's own ([imap.NAME.account]).
  [[nodiscard]] bool is_known(UserPool const& user, Verifier const& verifier) const;
  [[nodiscard]] bool is_of_account(UserPool const& user, Verifier const& verifier) const;
  bool has_place(UserPool& user, bool for_known, TimePoint now);
  /// Whether nobody needs an idle connection, so that it may be closed for a mere guess.
  [[nodiscard]] bool has_rested(Upstream& idle, Duration for_how_long, TimePoint now);
  void grow(UserPool& user, std::vector<Client*> const& waiting, TimePoint now);
  /// Begins a connection below max_connections, where need be in the place of another user's idle
  /// one, or on it (UNAUTHENTICATE). False where there is no room yet, or every server is backing
  /// off.
  bool connect(UserPool& user, LoginRequest const& request, Verifier const& verifier, bool is_proof,
               TimePoint now, Peer const& peer = {});
  [[nodiscard]] Upstream::Plan plan_for(UserPool const& user, Verifier const& verifier,
                                        bool is_proof, TimePoint now);
  void turn_over(Upstream& idle, UserPool& user, LoginRequest const& request, Upstream::Plan plan,
                 TimePoint now);
  [[nodiscard]] Upstream* longest_at_rest_but_of(UserPool const* user) const;
  void keep_warm(TimePoint now);
  void forget_unused(TimePoint now);
  void refuse_hopeless(TimePoint now);
  void probe_servers(TimePoint now);
  /// No socket can be made: all profiles wait for a second.
  void rest_for_sockets(TimePoint now);
  [[nodiscard]] bool lacks_sockets(TimePoint now);
  /// Whether it was made as connections are made now: to one of these servers, with this TLS.
  [[nodiscard]] bool is_up_to_date(Upstream const& upstream) const;
  [[nodiscard]] Discard reason_not_to_keep(Upstream& upstream, TimePoint now) const;
  void count_discard(UserPool& user, Discard reason);
  void recall_capabilities();
  void note_offer(Upstream const& upstream, TimePoint now);
  [[nodiscard]] std::string place() const;
  [[nodiscard]] UserKey account_key() const {
    return {settings_.account.user, {}, kind_of_account()};
  }
  [[nodiscard]] SecretKind kind_of_account() const;
  void close_idle(UserPool& user, Discard reason, TimePoint now);
  void due() { is_due_ = true; }
  void log_closed(Upstream const& upstream, TimePoint now) const;
  [[nodiscard]] std::string name_of(Upstream const& upstream) const;
  [[nodiscard]] Duration shortened(Duration lifetime);

  ImapSettings settings_;
  std::string authorities_;  ///< digest of those that verify its servers
  Context& context_;
  std::map<UserKey, std::unique_ptr<UserPool>> users_;
  std::list<std::unique_ptr<Client>> clients_;
  std::vector<Client*> gone_;
  std::list<Client*> waiting_;  ///< first come, first served
  std::vector<std::unique_ptr<pool::Connection>> graveyard_;
  std::vector<std::unique_ptr<Probe>> probes_;
  Refusals refusals_;
  ServerHealth health_;
  Offer offer_;                      ///< as the last connection saw it; survives a restart
  TimePoint offer_seen_at_ = never;  ///< its logins, since the start
  Secret account_secret_;
  bool account_was_refused_ = false;
  std::optional<Verifier> account_verifier_;
  Totals totals_;
  TimePoint next_run_ = never;
  TimePoint next_forgetting_{};
  TimePoint warm_after_{};     ///< the account's login was refused: not before
  bool may_turn_over_ = true;  ///< no server has refused that yet
  TimePoint used_at_{};
  bool is_due_ = false;
  bool is_paused_ = false;
  bool is_draining_ = false;
  Discard why_draining_ = Discard::Drain;
};

}  // namespace mailpool::imap

#pragma once
// One site at work: its connections, its limits, and the transactions that wait for them.

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/config/settings.h"
#include "core/delivery/context.h"
#include "core/delivery/decision.h"
#include "core/delivery/delivery.h"
#include "core/delivery/fair_queue.h"
#include "core/delivery/holds.h"
#include "core/delivery/known_domains.h"
#include "core/delivery/path.h"
#include "core/delivery/site_tls.h"
#include "core/delivery/smtp_connection.h"
#include "core/delivery/together.h"
#include "core/pool/pool.h"
#include "core/replies/class_counts.h"
#include "core/site/host_speed.h"
#include "core/site/period_counts.h"
#include "core/site/recent_peak.h"
#include "core/site/trouble.h"
#include "core/site/wait.h"

namespace mailpool::delivery {

/// The NAME of what holds all mail.
inline constexpr std::string_view all_mail = "all mail";
/// `451 4.7.1 NAME: suspended until TIME: REASON`
[[nodiscard]] Outcome suspended(std::string_view name, site::Suspension const& suspension,
                                Clock const& clock);

/// To one recipient at least.
[[nodiscard]] bool is_any_delivered(smtp::TransactionResult const& result);

class Site final : private ConnectionOwner, private site::RoomWaiter {
 public:
  /// `settings` and `context` must outlive it; what the first says may change (reconfigure).
  Site(std::string name, bool is_named, SiteSettings const& settings, Context& context);
  ~Site() override;
  Site(Site const&) = delete;
  Site& operator=(Site const&) = delete;

  /// Takes its place among the waiting, or is deferred at once (suspended, max_waiting).
  void enqueue(Transaction& transaction, TimePoint now);
  /// Answers all its recipients without letting it wait.
  void refuse(Transaction& transaction, Outcome const& outcome, parking::Why why, TimePoint now) {
    note_arrival(transaction, now);
    defer(transaction, outcome, why, now);
  }
  /// The message's client is gone: a waiting transaction is dropped, a running one cancelled unless
  /// its commit point is passed.
  void cancel(Transaction& transaction, TimePoint now);
  /// A waiting transaction is deferred at `until` at the latest.
  void wait_at_most_until(Transaction& transaction, TimePoint until);
  /// Decides everything that can be decided now. Call in each turn after something happened, and
  /// when deadline() has passed.
  void pump(TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

  // The operator's hand.
  void suspend(site::Suspension suspension, TimePoint now);
  /// Tells the store of all that is suspended here: the wall clock was set.
  void keep_suspensions(TimePoint now);
  /// Of all its mail; what else was lowered or backs off is tried again too.
  void resume(TimePoint now);
  /// Holds back the mail of "sender_domain example.org" or "source west".
  /// False: there are too many such holds.
  bool hold(std::string const& scope, site::Suspension why, TimePoint now);
  /// False where it is not held back.
  bool release(std::string const& scope, TimePoint now);
  /// Closes idle connections and those that are being opened; the others when they come back.
  void flush(std::string_view reason, TimePoint now);
  void defer_waiting(Outcome const& outcome, parking::Why why, TimePoint now);
  /// Waiting transactions of one domain.
  void defer_domain(std::string const& domain, Outcome const& outcome, TimePoint now);
  void defer_tenant(site::Scope const& tenant, Outcome const& outcome, TimePoint now);
  /// Those that may not go since their sender's domain or their sources are held back.
  void defer_held(TimePoint now);
  /// Its settings have changed from these.
  void reconfigure(SiteSettings const& before, TimePoint now);
  /// Something that waiting transactions depend on has changed (a login's secret has come).
  void look_again(TimePoint now) { be_pumped_at(now); }
  /// What its mail in the MTA's queue was told to wait for may be over.
  void try_parked(TimePoint now);
  /// Now, without QUIT: transactions before their commit point are answered 451.
  void stop(TimePoint now);

  // For status.
  [[nodiscard]] std::string const& name() const { return name_; }
  [[nodiscard]] bool is_named() const { return is_named_; }
  [[nodiscard]] site::SiteState state(TimePoint now) const;
  [[nodiscard]] SiteSettings const& settings() const { return settings_; }
  [[nodiscard]] Counters const& counters() const { return counters_; }
  /// Recipients in this hour and on this day; they survive a restart.
  [[nodiscard]] site::PeriodCounts const& periods() const { return periods_; }
  /// Classes of what servers refused or put off recipients with.
  [[nodiscard]] replies::ClassCounts const& reply_classes() const { return reply_classes_; }
  /// How long the parts of its deliveries took; null: nothing was measured. A site that rests
  /// forgets it, unless somebody looks at it.
  [[nodiscard]] StageTimes const* times() const { return times_.get(); }
  void keep_times() { are_times_kept_ = true; }
  void restore_periods(site::PeriodCounts const& periods) { periods_ = periods; }
  /// Tells the store of them, and of what was used of rates by the minute, the hour and the day.
  void keep_counts();
  [[nodiscard]] pool::Pool const& connections() const { return pool_; }
  [[nodiscard]] FairQueue const& waiting() const { return waiting_; }
  [[nodiscard]] site::Wait const& blocked() const { return blocked_; }
  /// The site's own one where it has no sources.
  [[nodiscard]] Paths const& paths() const { return paths_; }
  /// Parts of its mail that are held back.
  [[nodiscard]] Holds const& holds() const { return holds_; }
  /// What is counted over all its paths.
  [[nodiscard]] Together const& all_paths() const { return all_paths_; }
  [[nodiscard]] Rare<site::Suspension> const& suspension() const { return suspension_; }
  /// What holds back all that would leave by this path now.
  [[nodiscard]] site::Wait blocked_on(Path const& path, TimePoint now) const;
  /// Until when no host of its latest route is to be tried; the past where one may be, or serves.
  [[nodiscard]] TimePoint backs_off_until(TimePoint now) const;
  [[nodiscard]] site::Trouble const& trouble() const { return trouble_; }
  [[nodiscard]] std::string const& last_reply() const { return last_reply_; }
  [[nodiscard]] std::string const& last_error() const { return last_error_; }
  [[nodiscard]] TimePoint last_used() const { return last_used_; }
  /// Why its latest domain belongs here, in words.
  [[nodiscard]] std::string_view why() const { return why_; }
  [[nodiscard]] std::size_t in_flight() const { return pool_.count(pool::ConnectionState::Busy); }
  /// Why a new transaction is answered at once; none where it may wait.
  [[nodiscard]] std::optional<Refusal> refusal_of(Transaction const& transaction,
                                                  TimePoint now) const;
  /// What is to become of a transaction that waits here, or would; the pump does it.
  [[nodiscard]] Decision decide(Transaction const& transaction, TimePoint now) const;
  /// What a transaction is answered that no host can take now.
  [[nodiscard]] Outcome unreachable(Transaction const& transaction, TimePoint now) const;
  /// What it waits for; of one that was passed over with others, what it would wait for.
  [[nodiscard]] site::Wait wait_of(Transaction const& transaction, TimePoint now) const;
  /// "tenant acme: rate reached (5/s), next in 3s", for outcomes and status.
  [[nodiscard]] std::string words_for(site::Wait const& wait, TimePoint now) const;
  /// Messages that were told to wait in the MTA's queue.
  [[nodiscard]] std::size_t parked_now() const {
    auto const& entries = context_.parking.entries;
    return entries.waiting(name_) + entries.resting(name_) + entries.coming(name_);
  }
  /// When so many will be gone at what is allowed now; `never` where nobody can say.
  [[nodiscard]] TimePoint empty_at(std::size_t n, TimePoint now) const;
  [[nodiscard]] parking::LaneCounts parked() const {
    return context_.parking.entries.counts(name_);
  }
  /// Nothing is open, waits, backs off or is held back: status has nothing to count here.
  [[nodiscard]] bool is_quiet() const;
  /// Some of its hosts belong to that named site (mixed and backup MX).
  void belong_to(Site& home);
  /// It is the end of all sites: in what order they go does not matter any more.
  void leave_homes();
  /// Named sites that some of its hosts belong to.
  [[nodiscard]] std::vector<Site*> const& homes() const { return kin().homes; }
  /// Connections of other sites to hosts that belong here.
  [[nodiscard]] std::size_t guest_connections() const;
  /// Nothing is open, nothing waits, and nothing needs to be remembered: it may be forgotten.
  [[nodiscard]] bool is_forgettable() const;
  /// Not for a day.
  [[nodiscard]] bool is_unused(TimePoint now) const;
  [[nodiscard]] bool is_counted() const { return is_counted_; }
  /// It is quiet: what only serves those who use it is let go.
  void rest();

  // Kept by the dispatcher.
  std::size_t domains = 0;                       ///< known domains that belong here
  KnownDomains::Known* newest_domain = nullptr;  ///< the first of them
  std::list<Site*>::iterator place;              ///< among all sites

 private:
  // ConnectionOwner
  void on_connected(SmtpConnection& connection, TimePoint now) override;
  void on_ready(SmtpConnection& connection, TimePoint now) override;
  void on_committed(SmtpConnection& connection, TimePoint now) override;
  void on_finished(SmtpConnection& connection, smtp::TransactionResult&& result,
                   TimePoint now) override;
  void on_checked(SmtpConnection& connection, TimePoint now) override;
  void on_disturbed(SmtpConnection& connection, TimePoint now) override;
  void on_encrypted(SmtpConnection& connection) override;
  void on_closed(SmtpConnection& connection, smtp::Closed const& closed, TimePoint now) override;
  [[nodiscard]] WallTime wall(TimePoint now) const override { return context_.clock.wall(now); }
  // What becomes of its idle connections while something waits here is decided in its own turn.
  [[nodiscard]] bool is_spare(SmtpConnection const&) const override {
    return waiting_.is_empty() && !wants_turn_;
  }
  void on_asked_to_leave(SmtpConnection& connection, std::string_view reason,
                         TimePoint now) override {
    close(connection, reason, now);
  }
  // RoomWaiter
  void on_room(site::ConcurrencyLimit& limit) override;

  void settle_tls(Transaction& transaction);
  void use_paths_of(Transaction const& transaction);
  /// Counts open connections under limits over all paths that came after them.
  void count_all_paths();
  [[nodiscard]] Path& path_of(SmtpConnection const& connection) const {
    return paths_.of(connection.source());
  }
  [[nodiscard]] Path* path_of(Transaction const& transaction,
                              SmtpConnection const* connection) const;
  /// A part of a delivery took so long: here, and over all sites.
  void measure(Histogram StageTimes::*stage, Duration took);

  // Hosts that belong to another site (site_homes.cc).
  struct Kin {
    std::vector<Site*> homes;   ///< that some of its hosts belong to
    std::vector<Site*> guests;  ///< some of whose hosts belong here
  };
  [[nodiscard]] Kin const& kin() const;
  struct Home {
    Site* site = nullptr;  ///< null: the host belongs to this one
    Path* path = nullptr;  ///< of that site
    explicit operator bool() const { return site != nullptr; }
  };
  [[nodiscard]] Home home_of(route::Target const& target, site::Source* source) const;
  [[nodiscard]] Home home_of(SmtpConnection const& connection) const {
    return home_of(connection.target(), connection.source());
  }
  /// Whose limits and reactions what the server says is for.
  [[nodiscard]] Site& judged_site(SmtpConnection const& connection);
  [[nodiscard]] Path& judged_path(SmtpConnection const& connection) const;
  [[nodiscard]] site::Wait home_may_begin(route::Target const& target, site::Source* source,
                                          std::uint32_t recipients, TimePoint now) const;
  [[nodiscard]] site::Wait home_may_open(route::Target const& target, site::Source* source,
                                         TimePoint now) const;
  /// What lets none of these hosts take a message from that source now; over where one may.
  [[nodiscard]] site::Wait homes_may_begin(Transaction const& transaction, site::Source* source,
                                           TimePoint now) const;
  /// Until when the host is not to be tried, for it backs off or is held back where it belongs.
  [[nodiscard]] TimePoint home_rests_until(route::Target const& target, site::Source* source,
                                           TimePoint now) const;
  [[nodiscard]] site::Wait room_at_homes(Path const& path, std::size_t n, TimePoint until,
                                         TimePoint now) const;
  /// Whether the limit is of this site: of one of its paths, of all of them, of a plan here.
  [[nodiscard]] bool counts(site::Wait const& wait, TimePoint now) const;
  void take_home_permits(ConnectionPermits& permits, Home const& home, TimePoint now);
  void begin_at_home(SmtpConnection const& connection, std::uint32_t recipients, TimePoint now);
  void ask_for_room_at_home(Home const& home, TimePoint now);
  void ask_guests_for_room(Path& path, TimePoint now);
  void count_guests();
  void tell_guests(TimePoint now);
  [[nodiscard]] bool is_too_many(SmtpConnection const& connection) const;

  // Deciding (site_decide.cc).
  /// Who wants a connection: a transaction, if it left from this source.
  struct Seeker {
    Transaction const& transaction;
    site::Source* source;
    Path& path;
  };
  [[nodiscard]] Seeker seeker(Transaction const& transaction, site::Source* source) const {
    return {transaction, source, paths_.of(source)};
  }
  struct Departure {
    site::Source* source;
    site::Wait wait;  ///< no source may send now
  };
  [[nodiscard]] Path* only_path_of(Transaction const& transaction) const;
  /// What holds a transaction back; its path's limits only where it has but one.
  [[nodiscard]] site::Hold limits_of(Transaction const& transaction, TimePoint now) const;
  [[nodiscard]] Departure choose_source(Transaction const& transaction, TimePoint now) const;
  [[nodiscard]] site::Wait source_limits(site::Source& source, Transaction const& transaction,
                                         TimePoint now) const;
  /// How soon a transaction could leave from a source: the less, the sooner.
  enum class Prospect : std::uint8_t { Now, Soon, Later, HostsFail, Suspended };
  [[nodiscard]] std::pair<Prospect, site::Wait> prospect_of(Transaction const& transaction,
                                                            site::Source* source,
                                                            TimePoint now) const;
  [[nodiscard]] bool all_hosts_fail(Path const& path, route::Route const& route,
                                    TimePoint now) const;
  /// No further connection may be open: on its path, or on all of them together.
  [[nodiscard]] bool is_full(Path const& path) const {
    return !path.has_room() || !all_paths_.has_room();
  }
  [[nodiscard]] bool can_serve(SmtpConnection const& connection, Seeker const& seeker,
                               TimePoint now) const;
  [[nodiscard]] bool may_be_tried(route::Target const& target, Seeker const& seeker,
                                  TimePoint now) const;
  [[nodiscard]] SmtpConnection* idle_for(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] SmtpConnection* stale_for(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] bool needs_check(SmtpConnection const& connection, TimePoint now) const;
  [[nodiscard]] Decision provide_connection(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] Decision seek(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] Decision when_full(Seeker const& seeker) const;
  /// Who stays with a transaction whose source may not send.
  [[nodiscard]] FairQueue::Verdict others_wait(Transaction const& transaction) const;
  /// Of a full path: whose max_connections are open.
  [[nodiscard]] site::Scope const& full_scope(Path const& path) const;
  /// The idle one whose end makes room for that path; the oldest. Null: there is none.
  [[nodiscard]] SmtpConnection* idle_in_the_way_of(Path const& path) const;
  [[nodiscard]] Decision full_or_overtake(Seeker const& seeker, TimePoint now) const;
  /// May be tried, and nothing speaks against it.
  [[nodiscard]] bool is_promising(route::Target const& target, Seeker const& seeker,
                                  TimePoint now) const;
  [[nodiscard]] route::Target const* probe_beside(SmtpConnection const& connection,
                                                  Seeker const& seeker, TimePoint now) const;

  // What becomes of those that wait for connections which are late (site_overtake.cc).
  [[nodiscard]] bool is_being_tried(Path const& path, site::EndpointName const& endpoint) const;
  [[nodiscard]] bool is_overtaken(Path const& path, site::EndpointName const& endpoint) const;
  [[nodiscard]] Decision wait_or_overtake(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] TimePoint overtaken_from(route::Target const& next, Seeker const& seeker,
                                         TimePoint now) const;
  [[nodiscard]] Decision overtake_with(route::Target const& next, Seeker const& seeker,
                                       TimePoint now) const;
  [[nodiscard]] SmtpConnection* one_to_give_up(Path const& path, TimePoint now) const;
  [[nodiscard]] route::Target const* next_target(Seeker const& seeker, std::size_t coming,
                                                 TimePoint now) const;
  [[nodiscard]] std::size_t on_their_way(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] bool has_live_connection(Seeker const& seeker, TimePoint now) const;
  [[nodiscard]] site::Wait may_open(route::Target const& target, site::Source* source,
                                    TimePoint now) const;
  [[nodiscard]] bool host_is_full(route::Target const& target) const;

  // Carrying it out (site_start.cc).
  bool start_some(TimePoint now);
  FairQueue::Verdict try_start(Transaction& transaction, TimePoint now);
  void leave_from(site::Source* source, Transaction& transaction);
  FairQueue::Verdict carry_out(Use const& use, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(Check const& check, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(Open const& wanted, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(Overtake const& wanted, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(GiveUp const& wanted, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(MakeRoom const& room, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(Stay const& stay, Transaction& transaction, TimePoint now);
  FairQueue::Verdict carry_out(Impossible const&, Transaction& transaction, TimePoint now);
  void start(Transaction& transaction, SmtpConnection& connection, TimePoint now);
  void note_warm_up(site::Source const& source,
                    std::optional<site::WarmUpProgress::News> const& news, TimePoint now);
  void note_wait(Transaction& transaction, site::Wait const& wait, TimePoint now);
  void wait_for_coming(Transaction& transaction, TimePoint now);
  void probe(route::Target const& target, Transaction const& transaction, TimePoint now);
  void stand_in_lines(Transaction const& transaction);

  // Waiting in the MTA's queue (site_park.cc).
  /// What those of one line in the register share.
  struct Pattern {
    site::Levels levels;
    std::string login;
    std::uint32_t priority = usual_priority;
  };
  struct Turnout {
    std::map<parking::LineName, Pattern> patterns;  ///< of its lines in the register
    parking::Speed pace;                            ///< of the transactions that it begins
    TimePoint next_wake = never;
  };
  Turnout& turnout();
  void note_arrival(Transaction& transaction, TimePoint now);
  [[nodiscard]] std::optional<Refusal> why_park(Transaction const& transaction, TimePoint now);
  /// Whether it will be called back.
  bool park(Transaction const& transaction, parking::Why why, TimePoint now);
  void wake_some(TimePoint now);
  void forget_patterns();
  void note_slots();
  [[nodiscard]] bool is_wakeable(Transaction const& transaction) const;
  [[nodiscard]] parking::LineName line_of(Transaction const& transaction, TimePoint now) const;
  [[nodiscard]] TimePoint line_may_go_at(parking::LineName const& line, std::size_t coming,
                                         Duration ahead, TimePoint now) const;
  [[nodiscard]] Duration wake_ahead() const;
  /// Connections of a path.
  [[nodiscard]] std::size_t count_on(Path const& path, pool::ConnectionState state) const;
  [[nodiscard]] std::size_t hands(Path const& path, Duration within, TimePoint now) const;
  [[nodiscard]] site::Wait room_on(Path const& path, std::size_t n, Duration within,
                                   TimePoint now) const;
  [[nodiscard]] site::Wait room_behind(std::size_t n, Duration within, TimePoint now) const;
  [[nodiscard]] site::Wait room_in_line(Pattern const& pattern, std::size_t n, Duration within,
                                        TimePoint now) const;
  [[nodiscard]] TimePoint hosts_rest_until(Path const& path, std::size_t n, TimePoint now) const;

  // Opening connections (site_open.cc).
  /// What a connection is opened under: whose mail, what that requires of TLS, and from where.
  struct Purpose {
    std::string domain;
    SiteTls::Shared tls;
    site::Source* source = nullptr;
    LoginUse login;
  };
  void give_up(SmtpConnection& late, TimePoint now);
  void make_way(TimePoint now);
  [[nodiscard]] bool must_make_way(SmtpConnection const& connection) const;
  void ask_for_room(route::Target const& target, site::Source* source, TimePoint now);
  SmtpConnection& open(route::Target const& target, Purpose const& purpose, TimePoint now);
  [[nodiscard]] smtp::SessionSettings session_settings(route::Target const& target,
                                                       tls::Terms const& terms,
                                                       site::Source* source, TimePoint now) const;
  [[nodiscard]] pool::ReuseKey key_for(route::Target const& target, tls::Terms const& terms,
                                       site::Source const* source, LoginUse const& login) const;
  [[nodiscard]] std::string const& ehlo_name(site::Source const* source) const;
  void keep_min_idle(TimePoint now);
  [[nodiscard]] site::Source* least_used_source(TimePoint now) const;
  [[nodiscard]] bool may_be_kept_open(route::Target const& target, site::Source* source,
                                      TimePoint now) const;

  // Following what servers say and hide (site_react.cc).
  Consequences react_to_end(SmtpConnection const& connection, Transaction const& transaction,
                            smtp::TransactionResult const& result, TimePoint now);
  Consequences react_to_close(SmtpConnection const& connection, smtp::Closed const& closed,
                              TimePoint now);
  /// What the server made of it counts in its source's warm-up.
  void answer_warm_up(SmtpConnection const& connection, std::span<Remark const> remarks,
                      bool is_delivered, TimePoint now);
  void carry_out(Consequences consequences, Path& path, SmtpConnection const* connection,
                 TimePoint now);
  /// At the site that the connection's host belongs to.
  void carry_out_at_home(Consequences consequences, SmtpConnection const& connection,
                         TimePoint now);
  void leave_alone(Path& path, site::EndpointName const& endpoint, site::Suspension const& why,
                   TimePoint now);
  void expire(TimePoint now);
  /// What holds a transaction's mail back, and of what that is.
  struct Held {
    site::Suspension const* why = nullptr;
    std::string of = {};  ///< "google: campaign spring", "campaign spring" (everywhere), "google"
    explicit operator bool() const { return why != nullptr; }
  };
  [[nodiscard]] Held held(Transaction const& transaction, TimePoint now) const;
  /// What holds it back where the host belongs.
  [[nodiscard]] Held held_at_home(Transaction const& transaction, route::Target const& target,
                                  site::Source* source, TimePoint now) const;
  [[nodiscard]] Held part_held(std::string_view kind, std::string_view name, TimePoint now) const;
  /// Here, or at a site that some of its hosts belong to.
  [[nodiscard]] bool is_part_held_anywhere(std::string_view kind, std::string_view name,
                                           TimePoint now) const;
  [[nodiscard]] bool is_campaign_held_anywhere(std::string_view campaign, TimePoint now) const {
    return campaign_held(campaign, now) || is_part_held_anywhere("campaign", campaign, now);
  }
  [[nodiscard]] Held campaign_held(std::string_view campaign, TimePoint now) const;
  [[nodiscard]] site::Suspension const* source_held(Transaction const& transaction,
                                                    TimePoint now) const;
  [[nodiscard]] site::Suspension const* held_from(site::Source const& source, TimePoint now) const;
  /// The end of that, for what leaves from it; over for none and for one that is not held back.
  [[nodiscard]] site::Wait suspended_from(site::Source const* source, TimePoint now) const;
  void keep_suspension(TimePoint now);
  /// The suspension is over, and so is the past of its servers.
  void start_anew(TimePoint now);
  void close_left_alone(TimePoint now);
  void close_excess(TimePoint now);
  [[nodiscard]] SmtpConnection* one_too_many() const;
  void close_surplus(TimePoint now);
  [[nodiscard]] TimePoint next_surplus(TimePoint now) const;
  [[nodiscard]] TimePoint surplus_from(pool::Connection const& idle) const;
  [[nodiscard]] route::Target const* quicker_of(std::vector<route::Target const*> const& equal,
                                                TimePoint now) const;

  // Ends: of transactions (site_end.cc), of connections (site_connections.cc).
  void conclude(Transaction& transaction, SmtpConnection const* connection, std::size_t recipient,
                Outcome const& outcome, TimePoint now);
  void note_trouble(Outcome const& outcome, TimePoint now);
  void finish(Transaction& transaction);
  [[nodiscard]] bool may_be_retried(Transaction const& transaction, TimePoint now) const;
  bool retry(Transaction& transaction, SmtpConnection const& connection,
             smtp::TransactionResult& result, TimePoint now);
  void defer(Transaction& transaction, Outcome const& outcome, parking::Why why, TimePoint now);
  [[nodiscard]] parking::Why why_unreachable(Transaction const& transaction, TimePoint now) const;
  [[nodiscard]] std::optional<Outcome> bounce_for_tls(Transaction const& transaction,
                                                      TimePoint now) const;
  [[nodiscard]] std::string words_for_connecting() const;
  [[nodiscard]] Outcome suspended_outcome() const {
    return suspended(name_, *suspension_, context_.clock);
  }
  void fail_unreachable(TimePoint now);
  template <class Concerned>
  void defer_those(Concerned&& concerned, Outcome const& outcome, parking::Why why, TimePoint now);
  void give_up_overdue(TimePoint now);
  /// Of one that was passed over with others, what the site waits for.
  [[nodiscard]] site::Wait const& seen_wait(Transaction const& transaction) const {
    return transaction.wait.is_over() ? blocked_ : transaction.wait;
  }
  /// Time to connect is no time of waiting.
  [[nodiscard]] TimePoint overdue_at(Transaction const& transaction) const {
    auto const& wait = seen_wait(transaction);
    return wait.limit == site::Limit::Connecting ? transaction.connect_until
                                                 : transaction.wait_until;
  }
  void judge_tls(SmtpConnection& connection, TimePoint now);
  void report_tls(SmtpConnection const& connection, std::string const& domain,
                  tls::Policy const& policy, std::optional<tls::Objection> const& against,
                  TimePoint now);
  void note_setup_failure(SmtpConnection const& connection, smtp::Closed const& closed,
                          TimePoint now);
  void close_aged(TimePoint now);
  void close(SmtpConnection& connection, std::string_view reason, TimePoint now);
  void count_close(std::string_view reason);
  void settle_started(TimePoint now);
  void set_deadline(TimePoint now);
  void be_pumped_at(TimePoint t);
  [[nodiscard]] pool::Aging aging_of(SmtpConnection const* connection) const;
  [[nodiscard]] std::string_view reason_to_close(SmtpConnection const& connection,
                                                 TimePoint now) const;

  std::string name_;
  bool is_named_;
  SiteSettings const& settings_;
  Context& context_;
  Together all_paths_;
  Paths paths_;
  Holds holds_;
  pool::Pool pool_;  ///< goes before the paths, whose permits its connections hold
  FairQueue waiting_;
  site::HostSpeed speed_;
  site::RecentPeak peak_;  ///< of connections in use
  SiteTls tls_;
  Rare<site::Suspension> suspension_;
  site::Wait blocked_;
  Counters counters_;
  site::Trouble trouble_;
  site::PeriodCounts periods_;
  replies::ClassCounts reply_classes_;
  std::unique_ptr<StageTimes> times_;
  bool are_times_kept_ = false;
  bool is_counted_ = false;  ///< among Context::counted
  std::string why_;
  std::string last_reply_;
  std::string last_error_;
  TimePoint last_used_{};
  TimePoint deadline_ = never;
  std::shared_ptr<route::Route const> last_route_;  ///< for min_idle
  std::unique_ptr<Purpose> last_purpose_;           ///< likewise
  std::vector<SmtpConnection*> started_;  ///< to be settled once the queue is not being visited
  std::vector<Transaction*>
      unreachable_;           ///< found to have no endpoint left while the queue was being visited
  std::unique_ptr<Kin> kin_;  ///< null: none
  std::vector<site::ConcurrencyLimit*> offered_;  ///< room that it was told of, to be passed on
  std::unique_ptr<Turnout> turnout_;              ///< null while it rests
  std::uint32_t slots_noted_ = 0;                 ///< of those that wait, in Parking::waiting
  bool wants_turn_ = false;
  std::uint64_t flushed_up_to_ = 0;  ///< ids of connections that are closed when they come back
  std::string flushed_because_;
};

}  // namespace mailpool::delivery

#include "manager/manager.h"

#include <fmt/format.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <limits>

#include "core/base/text.h"
#include "manager/queue_directories.h"

namespace mailpool::manager {
namespace {

constexpr int lmtp_backlog = 1024;
constexpr std::size_t most_counts_per_beat = 5000;
constexpr auto clock_step = std::chrono::seconds(2);
// A trouble that was longer ago than this is no trouble of now.
constexpr auto past_after = std::chrono::minutes(10);
// How long messages before their commit point may go on when mailpoold is stopped: a healthy server
// takes them meanwhile.
constexpr auto patience_of_stop = std::chrono::seconds(2);
// After drain_timeout: so that IMAP servers hear LOGOUT of what was still lent.
constexpr auto good_byes = std::chrono::seconds(2);

}  // namespace

IntakeSettings intake_settings(Configuration const& c) {
  return {c.settings.hostname,
          c.lmtp_users.uids,
          c.settings.lmtp.max_connections,
          c.settings.lmtp.max_message_size,
          c.settings.lmtp.dsn,
          c.settings.lmtp.campaign_header};
}

SpillingBodyStore::Limits body_limits(Settings const& settings) {
  return {settings.lmtp.spill_above, settings.lmtp.memory_limit};
}

namespace {

// A socket that systemd passed is told apart by its path: the control socket, or one of LMTP.
std::vector<int> sockets_of_systemd() {
  std::vector<int> fds;
  int const n = sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; ++fd) fds.push_back(fd);
  return fds;
}

}  // namespace

std::string_view name_of(ManagerState state) {
  switch (state) {
    case ManagerState::Starting:
      return "starting";
    case ManagerState::Running:
      return "running";
    case ManagerState::Draining:
      return "draining";
  }
  return "running";
}

Manager::Manager(Configuration configuration, std::string path, LogWriter& log, Testing testing)
    : log_(log),
      testing_(testing),
      path_(std::move(path)),
      configuration_(std::move(configuration)),
      started_at_(loop_.now()),
      events_(log_) {}

Manager::~Manager() {
  // Who asks goes before who answers.
  control_.reset();
  metrics_.reset();
  background_.reset();
  login_reader_.reset();
  intake_.reset();
  learner_.reset();
  waker_.reset();
  imap_.reset();
  constexpr auto all = std::numeric_limits<std::size_t>::max();
  if (dispatcher_) dispatcher_->keep_counts(all);
  if (admission_) admission_->keep_use(all, loop_.clock().wall(loop_.now()), loop_.now());
  dispatcher_.reset();
  streams_.reset();
  router_.reset();
  sts_.reset();
  resolver_.reset();
}

Result<void> Manager::start() {
  auto const& settings = configuration_.settings;
  resolver_ = std::make_unique<UnboundResolver>(loop_, log_, settings.dns);
  store_ = std::make_unique<StateDatabase>(settings.state_dir, log_);
  sts_ = std::make_unique<MtaSts>(loop_, *resolver_, *store_, log_);
  reconfigure_sts();
  router_ = std::make_unique<route::Router>(settings, *resolver_, random_, sts_.get());
  streams_ = std::make_unique<Streams>(loop_, configuration_.tls);
  context_ = std::make_unique<delivery::Context>(*streams_, random_, log_, loop_.clock(), *store_);
  context_->replies = read_reply_classes(configuration_.warnings);
  sts_->set_reports(&context_->tls.reports);
  dispatcher_ = std::make_unique<delivery::Dispatcher>(settings, *router_, *context_);
  dispatcher_->set_seal_keys(configuration_.seal_keys);
  if (auto const held = dispatcher_->restore(loop_.now()); held > 0)
    log_.info(
        fmt::format("state: {} suspension{} of before are in force", held, held == 1 ? "" : "s"));
  reconfigure_events(true);
  clock_offset_ = clock_offset();
  bodies_ = std::make_unique<SpillingBodyStore>(
      body_limits(settings), std::vector<std::string>{settings.state_dir, "/var/tmp", "/tmp"});
  intake_ = std::make_unique<Intake>(loop_, *dispatcher_, *bodies_, log_);
  waker_ = std::make_unique<Waker>(loop_, context_->parking, log_);
  learner_ = std::make_unique<QueueLearner>(loop_, *dispatcher_, context_->parking.entries, log_);
  desk_ = std::make_unique<ControlDesk>(*dispatcher_, *router_, loop_.clock(),
                                        configuration_.settings, static_cast<DeskSources&>(*this));
  places_ = std::make_unique<AdmissionPlaces>(*dispatcher_, loop_.clock(), settings);
  admission_ = std::make_unique<admission::Desk>(settings, *places_, *store_);
  admission_->restore(loop_.clock().wall(loop_.now()), loop_.now());
  background_ = std::make_unique<Background>(loop_);
  login_reader_ = std::make_unique<LoginReader>(
      loop_, context_->logins, log_, [this] { dispatcher_->logins_changed(loop_.now()); });

  imap_ = std::make_unique<ImapPools>(loop_, *resolver_, log_, *store_, testing_.imap_reset);
  imap_desk_ = std::make_unique<ImapDesk>(*imap_, loop_.clock());
  desk_->set_imap(imap_desk_.get());
  timer_ = loop_.make_event(-1, EV_TIMEOUT, &Manager::on_timer, this);
  caught_up_event_ =
      loop_.make_event(bodies_->caught_up_fd(), EV_READ | EV_PERSIST, &Manager::on_caught_up, this);
  event_add(caught_up_event_.get(), nullptr);
  beat_timer_ = loop_.make_event(-1, EV_PERSIST, &Manager::on_beat, this);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) {
    signals_.push_back(loop_.make_event(number, EV_SIGNAL | EV_PERSIST, &Manager::on_signal, this));
    event_add(signals_.back().get(), nullptr);
  }
  loop_.at_end_of_turn([this] { finish_turn(); });
  streams_->set_own_addresses(configuration_.own_addresses);
  router_->set_own_addresses(configuration_.own_addresses);
  intake_->reconfigure(intake_settings(configuration_));
  if (auto opened = open_sockets(); !opened) return opened;
  for (auto const& warning : configuration_.warnings) log_.warning(warning);

  open_map();
  loaded_at_ = std::chrono::system_clock::now();
  state_ = ManagerState::Running;
  timeval const every{1, 0};
  evtimer_add(beat_timer_.get(), &every);
  beat();
  if (map_) {
    map_->reconfigure(map_settings(settings));
    map_->settle();
  }
  log_.info(fmt::format("mailpoold {} started: hostname={} lmtp={} control={}", MAILPOOL_VERSION,
                        settings.hostname, fmt::join(settings.lmtp.listen, ","),
                        settings.control.listen));
  sd_notify(0, "READY=1");
  return {};
}

Result<void> Manager::open_sockets() {
  auto const& settings = configuration_.settings;
  std::vector<UnixListener> lmtp;
  std::optional<UnixListener> control;
  for (int fd : sockets_of_systemd()) {
    auto adopted = UnixListener::adopt(fd);
    if (!adopted) return tl::make_unexpected(adopted.error());
    if (adopted->path() == settings.control.listen) {
      control = std::move(*adopted);
    } else {
      lmtp.push_back(std::move(*adopted));
    }
  }
  if (lmtp.empty()) {
    for (auto const& path : settings.lmtp.listen) {
      auto listener = listen_unix(path, static_cast<mode_t>(settings.lmtp.socket_mode),
                                  settings.lmtp.socket_group, lmtp_backlog);
      if (!listener) return failed("[lmtp] listen: " + listener.error().reason);
      if (!listener->warning().empty()) log_.warning("[lmtp] socket_group: " + listener->warning());
      lmtp.push_back(std::move(*listener));
    }
  }
  if (!control) {
    // Anybody may knock; who is let in is decided by SO_PEERCRED against read_users and
    // write_users.
    auto listener = listen_unix(settings.control.listen, 0666, "", 64);
    if (!listener) return failed("[control] listen: " + listener.error().reason);
    control = std::move(*listener);
  }
  if (auto listening = imap_->reconfigure(configuration_); !listening) return listening;
  std::vector<std::string> paths;
  for (auto const& listener : lmtp) paths.push_back(listener.path());
  auto queues = queue_directories(paths, settings.postfix.queue_directory);
  for (std::size_t i = 0; i < lmtp.size(); ++i)
    intake_->listen_on(std::move(lmtp[i]), queues.of_socket[i]);
  waker_->set_directories(std::move(queues.all));
  waker_->set_wanted(settings.postfix.wake);
  metrics_ = std::make_unique<MetricsServer>(loop_, *desk_, log_);
  if (auto listening = metrics_->reconfigure(settings.metrics); !listening)
    return failed(listening.error().reason);
  control_ = std::make_unique<ControlServer>(loop_, std::move(*control), *desk_, log_);
  allow_control();
  control_->set_admission(*admission_);
  return {};
}

void Manager::allow_control() {
  auto names = configuration_.read_users.names;
  names.insert(configuration_.write_users.names.begin(), configuration_.write_users.names.end());
  control_->set_users(configuration_.read_users.uids, configuration_.write_users.uids,
                      configuration_.milter_users.uids, std::move(names));
}

void Manager::open_map() {
  std::filesystem::path const map = configuration_.settings.postfix.map;
  if (map.empty()) return;
  auto const queue_directory = map.parent_path().parent_path();
  std::error_code error;
  if (!std::filesystem::is_directory(queue_directory, error)) {
    log_.info(fmt::format("no map for Postfix is kept: there is no {} ([postfix] map)",
                          queue_directory.string()));
    return;
  }
  map_ = std::make_unique<MapPublisher>(map.string(), "lmtp.sock", log_);
}

void Manager::run() {
  loop_.run();
}

void Manager::finish_turn() {
  auto now = loop_.now();
  do {
    dispatcher_->run(now);
    waker_->run(now);
    if (waker_->take_change()) waking_changed(now);
    streams_->flush(now);
    intake_->flush(now);
    imap_->run(now);
    now = loop_.now();
  } while (dispatcher_->has_work() || streams_->has_work() || intake_->has_work() ||
           imap_->has_work());
  login_reader_->read_wanted();
  dispatcher_->sweep();
  learner_->sweep();
  streams_->sweep();
  intake_->sweep();
  imap_->sweep();
  auto const turn = loop_.now() - loop_.turn_began();
  turns_.add(turn);
  auto const took = std::chrono::duration_cast<std::chrono::microseconds>(turn).count();
  worst_turn_.note(static_cast<std::uint32_t>(std::min<std::int64_t>(took, 1'000'000'000)), now);
  if (is_terminating_) give_back_if_due(now);
  if (is_terminating_) end_if_drained(now);
  arm_timer(now);
}

void Manager::arm_timer(TimePoint now) {
  auto const deadline = std::min({dispatcher_->deadline(), imap_->deadline(), given_back_by_,
                                  is_terminating_ ? end_of_drain() : never});
  if (deadline >= armed_) return;
  armed_ = deadline;
  Loop::arm(timer_.get(), std::max(deadline - now, Duration::zero()));
}

void Manager::on_timer(evutil_socket_t, short, void* self) {
  auto& manager = *static_cast<Manager*>(self);
  manager.armed_ = never;
  manager.loop_.end_turn_soon();
}

void Manager::on_caught_up(evutil_socket_t, short, void* self) {
  auto& manager = *static_cast<Manager*>(self);
  manager.bodies_->acknowledge();
  manager.intake_->read_on();
}

template <class Visitor>
void Manager::visit_wakeable(Visitor&& visitor) {
  auto const queues = waker_->states();
  for (std::size_t queue = 0; queue < queues.size(); ++queue)
    if (queues[queue].works()) visitor(static_cast<std::uint8_t>(queue), queues[queue].directory);
}

void Manager::waking_changed(TimePoint now) {
  visit_wakeable([this](auto queue, auto const& directory) { learner_->learn(queue, directory); });
  dispatcher_->try_parked(now);
}

void Manager::on_beat(evutil_socket_t, short, void* self) {
  auto& manager = *static_cast<Manager*>(self);
  manager.beat();
  manager.loop_.end_turn_soon();
}

void Manager::beat() {
  sd_notify(0, "WATCHDOG=1");
  intake_->end_rest();
  waker_->beat(loop_.now());
  visit_wakeable([this](auto queue, auto const& directory) { learner_->beat(queue, directory); });
  imap_->end_rest();
  keep_state();
  note_refused_bodies(loop_.now());
  give_memory_back();
  if (!map_) return;
  note_learned();
  note_suspended(loop_.now());
  if (backlogged_.look(dispatcher_->context().parking.entries, loop_.now()))
    map_->set_backlogged(backlogged_.sites());
  map_->beat(loop_.now());
}

// Once a minute at most, however many clients try.
void Manager::note_refused_bodies(TimePoint now) {
  auto const figures = bodies_->figures();
  auto const refused = figures.disk_failures + figures.memory_refusals;
  if (refused == bodies_refused_.count) return;
  bool const is_disk = figures.disk_failures != bodies_refused_.of_disk;
  bodies_refused_.problem = is_disk
                                ? "large messages cannot be kept on disk: " + bodies_->last_error()
                                : fmt::format("[lmtp] memory_limit is reached ({} octets)",
                                              configuration_.settings.lmtp.memory_limit);
  auto const more = refused - bodies_refused_.count_said;
  bodies_refused_.count = refused;
  bodies_refused_.of_disk = figures.disk_failures;
  bodies_refused_.at = now;
  if (now < bodies_refused_.say_again) return;
  bodies_refused_.say_again = after(now, std::chrono::minutes(1));
  bodies_refused_.count_said = refused;
  log_.warning(fmt::format("{} message{} answered 452: {}", more, more == 1 ? " was" : "s were",
                           bodies_refused_.problem));
}

bool Manager::has_refused_bodies(TimePoint now) const {
  return bodies_refused_.count != 0 && now < after(bodies_refused_.at, past_after);
}

WallTime::duration Manager::clock_offset() const {
  return loop_.clock().wall(TimePoint{}).time_since_epoch();
}

void Manager::keep_state() {
  dispatcher_->keep_counts(most_counts_per_beat);
  admission_->keep_use(most_counts_per_beat, loop_.clock().wall(loop_.now()), loop_.now());
  // Somebody set the clock: what ends at a wall time ends at another one now. Or the records of
  // what is in force went with a damaged file.
  auto const offset = clock_offset();
  auto const renewals = store_->renewals();
  bool const is_clock_set = std::chrono::abs(offset - clock_offset_) >= clock_step;
  if (!is_clock_set && renewals == state_renewals_) return;
  clock_offset_ = offset;
  state_renewals_ = renewals;
  dispatcher_->keep_suspensions(loop_.now());
}

void Manager::give_memory_back() {
  // What a burst left behind in the allocator goes back to the system once nothing moves; while
  // mail flows it is about to be used again.
  auto const handled = context_->totals.messages;
  bool const is_quiet = handled == messages_at_last_beat_ && dispatcher_->deliveries() == 0;
  messages_at_last_beat_ = handled;
  if (!is_quiet || handled == messages_at_last_trim_) return;
  messages_at_last_trim_ = handled;
  malloc_trim(0);
}

void Manager::note_learned() {
  dispatcher_->visit_learned([this](std::string const& domain, delivery::Site const& site) {
    map_->learn(domain, site.name());
  });
}

// What is suspended must not leave by another way while the manager is away.
void Manager::note_suspended(TimePoint now) {
  Suspended suspended;
  suspended.all = dispatcher_->all_suspended(now) != nullptr;
  auto const holds = [now](Rare<site::Suspension> const& suspension) {
    return suspension && now < suspension->until;
  };
  for (auto const* site : dispatcher_->busy_sites())
    if (holds(site->suspension())) suspended.sites.insert(site->name());
  for (auto const& domain : dispatcher_->suspended_domains())
    if (holds(dispatcher_->limits_of(domain)->suspension)) suspended.domains.insert(domain);
  // So must what needs a login: the MTA's own client has none.
  for (auto const& [domain, login] : configuration_.settings.route_logins)
    suspended.domains.insert(domain);
  map_->set_suspended(std::move(suspended));
}

void Manager::on_signal(evutil_socket_t number, short, void* self) {
  static_cast<Manager*>(self)->on_signal(static_cast<int>(number));
}

void Manager::on_signal(int number) {
  if (number == SIGHUP) {
    log_.reopen();
    events_.reopen();
    reload({});
  } else {
    terminate();
  }
  loop_.end_turn_soon();
}

void Manager::terminate() {
  auto const now = loop_.now();
  if (is_terminating_) {
    log_.warning("stopping now: transactions before their commit point are answered 451");
    dispatcher_->stop(now);
    drained_by_ = now;
    imap_->drain(now);
    return;
  }
  is_terminating_ = true;
  state_ = ManagerState::Draining;
  drained_by_ = after(now, configuration_.settings.drain_timeout);
  given_back_by_ = std::min(after(now, patience_of_stop), drained_by_);
  log_.info(fmt::format("draining: at most {} (drain_timeout)",
                        to_text(configuration_.settings.drain_timeout)));
  sd_notify(0, "STOPPING=1");
  intake_->drain();
  imap_->drain(drained_by_);
  dispatcher_->drain(now);
}

// One message that hangs must not make a restart long for all: nothing is lost with what is before
// its commit point. The others may have been delivered, so their replies are waited for.
void Manager::give_back_if_due(TimePoint now) {
  if (now < given_back_by_) return;
  given_back_by_ = never;
  dispatcher_->stop(now);
  loop_.end_turn_soon();
}

TimePoint Manager::end_of_drain() const {
  return imap_->is_empty() ? drained_by_ : after(drained_by_, good_byes);
}

void Manager::end_if_drained(TimePoint now) {
  bool const is_empty = intake_->connections() == 0 && context_->connections_open == 0 &&
                        dispatcher_->deliveries() == 0 && imap_->is_empty();
  if (!is_empty && now < end_of_drain()) return;
  if (!is_empty) {
    log_.warning(fmt::format("drain_timeout: {} messages and {} connections were still open",
                             dispatcher_->deliveries(), context_->connections_open));
    dispatcher_->stop(now);
    imap_->stop();
    intake_->flush(now);
  }
  log_.info("stopped");
  loop_.stop();
}

bool Manager::forget_accepted(control::Subject const& subject) {
  using Level = admission::Desk::Level;
  auto const level = subject.is_domain   ? Level::Domain
                     : subject.is_tenant ? Level::Tenant
                                         : Level::Site;
  return admission_->forget_use(level, subject.name);
}

void Manager::drain() {
  state_ = ManagerState::Draining;
  dispatcher_->drain(loop_.now());
  imap_->drain(after(loop_.now(), configuration_.settings.drain_timeout));
  if (map_) map_->set_draining(true);
  loop_.end_turn_soon();
}

void Manager::undrain() {
  if (is_terminating_) return;
  state_ = ManagerState::Running;
  dispatcher_->undrain(loop_.now());
  imap_->undrain();
  if (map_) map_->set_draining(false);
}

}  // namespace mailpool::manager

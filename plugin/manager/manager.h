#pragma once
// mailpoold: everything hangs off this one object.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/delivery/dispatcher.h"
#include "core/parking/backlogged_sites.h"
#include "core/site/recent_peak.h"
#include "manager/admission_places.h"
#include "manager/background.h"
#include "manager/body_store.h"
#include "manager/configuration.h"
#include "manager/control_desk.h"
#include "manager/control_server.h"
#include "manager/event_writer.h"
#include "manager/imap_desk.h"
#include "manager/imap_pools.h"
#include "manager/intake.h"
#include "manager/log_writer.h"
#include "manager/login_reader.h"
#include "manager/loop.h"
#include "manager/map_publisher.h"
#include "manager/metrics_server.h"
#include "manager/mta_sts.h"
#include "manager/queue_learner.h"
#include "manager/state_database.h"
#include "manager/stream.h"
#include "manager/unbound_resolver.h"
#include "manager/waker.h"

namespace mailpool::manager {

class MachineRandom final : public route::Random {
 public:
  std::uint32_t number(std::uint32_t below) override {
    return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(engine_);
  }

 private:
  std::mt19937 engine_{std::random_device{}()};
};

enum class ManagerState : std::uint8_t { Starting, Running, Draining };
[[nodiscard]] std::string_view name_of(ManagerState state);

[[nodiscard]] IntakeSettings intake_settings(Configuration const& configuration);
[[nodiscard]] SpillingBodyStore::Limits body_limits(Settings const& settings);

/// What only tests change; no configuration can.
struct Testing {
  imap::Reset imap_reset = imap::Reset::On;
};

class Manager final : private DeskSources {
 public:
  /// `configuration` is without mistakes; `path` is read again on reload. The log must outlive the
  /// manager.
  Manager(Configuration configuration, std::string path, LogWriter& log, Testing testing = {});
  ~Manager() override;
  Manager(Manager const&) = delete;
  Manager& operator=(Manager const&) = delete;

  /// Opens sockets and announces readiness.
  Result<void> start();
  /// Until SIGTERM and the end of the drain.
  void run();

 private:
  // DeskSources
  void fill(control::ManagerStatus& status) const override;
  void measure(control::Measured& measured) const override;
  std::vector<control::Finding> check() const override;
  void add_waking_findings(std::vector<control::Finding>& to) const;
  void add_state_findings(std::vector<control::Finding>& to) const;
  void reload(std::function<void(control::ReloadReport const&)> done) override;
  bool forget_accepted(control::Subject const& subject) override;
  void drain() override;
  [[nodiscard]] std::vector<control::WakingStatus> waking() const override;
  void undrain() override;

  Result<void> open_sockets();
  void open_map();
  void apply(Configuration configuration);
  void reload_reply_classes();
  void reconfigure_sts();
  void reconfigure_events(bool is_start);
  control::ReloadReport apply_if_good(Configuration configuration);
  void terminate();
  void finish_turn();
  void end_if_drained(TimePoint now);
  void give_back_if_due(TimePoint now);
  [[nodiscard]] TimePoint end_of_drain() const;
  void arm_timer(TimePoint now);
  void beat();
  void waking_changed(TimePoint now);
  /// Queues whose messages can be woken: number and directory.
  template <class Visitor>
  void visit_wakeable(Visitor&& visitor);
  void note_learned();
  void give_memory_back();
  void keep_state();
  [[nodiscard]] WallTime::duration clock_offset() const;
  void note_suspended(TimePoint now);
  void note_refused_bodies(TimePoint now);
  [[nodiscard]] bool has_refused_bodies(TimePoint now) const;
  void add_body_findings(std::vector<control::Finding>& to) const;
  void add_trouble_findings(std::vector<control::Finding>& to) const;
  void allow_control();

  static void on_timer(evutil_socket_t, short, void* self);
  static void on_beat(evutil_socket_t, short, void* self);
  static void on_caught_up(evutil_socket_t, short, void* self);
  static void on_signal(evutil_socket_t number, short, void* self);
  void on_signal(int number);

  LogWriter& log_;
  Testing testing_;
  std::string path_;
  Configuration configuration_;
  Loop loop_;
  TimePoint started_at_;
  WallTime loaded_at_;
  MachineRandom random_;
  EventWriter events_;  ///< before the store, which does not wait for it at the end
  std::unique_ptr<StateDatabase> store_;
  std::unique_ptr<UnboundResolver> resolver_;
  std::unique_ptr<MtaSts> sts_;
  std::unique_ptr<route::Router> router_;
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<delivery::Context> context_;
  std::unique_ptr<delivery::Dispatcher> dispatcher_;
  std::unique_ptr<SpillingBodyStore> bodies_;
  std::unique_ptr<Intake> intake_;
  std::unique_ptr<Waker> waker_;
  std::unique_ptr<QueueLearner> learner_;
  std::unique_ptr<ImapPools> imap_;
  std::unique_ptr<ImapDesk> imap_desk_;
  std::unique_ptr<MapPublisher> map_;
  std::unique_ptr<ControlDesk> desk_;
  std::unique_ptr<AdmissionPlaces> places_;
  std::unique_ptr<admission::Desk> admission_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<Background> background_;
  std::unique_ptr<LoginReader> login_reader_;
  EventPtr timer_;
  EventPtr beat_timer_;
  EventPtr caught_up_event_;
  std::vector<EventPtr> signals_;
  control::ReloadReport last_reload_;
  ManagerState state_ = ManagerState::Starting;
  TimePoint drained_by_ = never;
  TimePoint given_back_by_ = never;  ///< while terminating: what is not committed then
  TimePoint armed_ = never;
  site::RecentPeak worst_turn_{std::chrono::minutes(1)};  ///< microseconds
  Histogram turns_;
  std::uint64_t reloads_ = 0;  ///< begun so far
  /// Who waits for the newest of them.
  std::vector<std::function<void(control::ReloadReport const&)>> reload_listeners_;
  std::uint32_t state_renewals_ = 0;   ///< of the state database, when last looked
  WallTime::duration clock_offset_{};  ///< between wall and monotonic clock, when last looked
  struct RefusedBodies {
    std::uint64_t count = 0;
    std::uint64_t of_disk = 0;
    std::uint64_t count_said = 0;  ///< of which the log told
    std::string problem;           ///< of the last one
    TimePoint at{};
    TimePoint say_again{};
  };
  RefusedBodies bodies_refused_;
  parking::BackloggedSites backlogged_;  ///< as the map has them
  std::uint64_t messages_at_last_beat_ = 0;
  std::uint64_t messages_at_last_trim_ = 0;
  bool is_terminating_ = false;
};

}  // namespace mailpool::manager

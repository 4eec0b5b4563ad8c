// How new settings are taken over: read off the loop, applied on it, or refused with every mistake
// while the old ones stay.

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <memory>
#include <utility>

#include "core/config/options.h"
#include "manager/manager.h"
#include "manager/tls_client.h"

namespace mailpool::manager {

// Files and name services may take their time: the loop goes on meanwhile.
void Manager::reload(std::function<void(control::ReloadReport const&)> done) {
  if (done) reload_listeners_.push_back(std::move(done));
  auto reading = std::make_shared<Configuration>();
  background_->run([reading, path = path_] { *reading = read_configuration(path); },
                   [this, reading, number = ++reloads_] {
                     // What is read next is newer: its report is everybody's.
                     if (number != reloads_) return;
                     auto const report = apply_if_good(std::move(*reading));
                     for (auto const& tell : std::exchange(reload_listeners_, {})) tell(report);
                     loop_.end_turn_soon();
                   });
}

control::ReloadReport Manager::apply_if_good(Configuration configuration) {
  control::ReloadReport report;
  // A log that cannot be written now would keep the next start from happening.
  if (auto const& to = configuration.settings.log.to;
      configuration.mistakes.empty() && to != configuration_.settings.log.to)
    if (auto const sink = make_log_sink(to); !sink)
      configuration.mistakes.push_back(sink.error().reason +
                                       "; right would be a file below /var/log/mailpool");
  report.mistakes = configuration.mistakes;
  report.warnings = configuration.warnings;
  if (!configuration.mistakes.empty()) {
    for (auto const& mistake : configuration.mistakes) log_.error(mistake);
    log_.error(fmt::format("{} was not applied: the settings of before stay", path_));
    last_reload_ = report;
    return report;
  }
  report.is_applied = true;
  report.needs_restart = changed_without_restart(configuration_.settings, configuration.settings);
  for (auto const& option : report.needs_restart)
    log_.warning(fmt::format("{} takes effect at a restart only", option));
  for (auto const& warning : report.warnings) log_.warning(warning);
  apply(std::move(configuration));
  log_.info(fmt::format("{} was applied", path_));
  last_reload_ = report;
  return report;
}

// No setting depends on them, so no reload waits for them.
void Manager::reload_reply_classes() {
  struct Read {
    std::shared_ptr<replies::Classifier const> classes;
    std::vector<std::string> warnings;
  };
  auto read = std::make_shared<Read>();
  background_->run([read] { read->classes = read_reply_classes(read->warnings); },
                   [this, read] {
                     for (auto const& warning : read->warnings) log_.warning(warning);
                     context_->replies = read->classes;
                   });
}

void Manager::reconfigure_sts() {
  auto const& settings = configuration_.settings;
  sts_->reconfigure({settings.mta_sts, settings.smtp.prohibited, configuration_.own_addresses,
                     configuration_.tls->trust_for_sts(), configuration_.tls});
}

void Manager::reconfigure_events(bool is_start) {
  auto const& settings = configuration_.settings.events;
  events_.reconfigure(settings);
  context_->events.set_sink(&events_);
  context_->events.set_form({settings.addresses, configuration_.events_hash_key.copy()});
  context_->events.tell(events::ConfigurationEvent{path_, configuration_.warnings.size(), is_start},
                        std::chrono::system_clock::now());
}

void Manager::apply(Configuration configuration) {
  bool const is_log_moved = configuration.settings.log.to != configuration_.settings.log.to;
  bool const is_dns_changed = configuration.settings.dns != configuration_.settings.dns;
  configuration_ = std::move(configuration);
  auto const& settings = configuration_.settings;
  auto const now = loop_.now();
  if (is_log_moved) {
    if (auto sink = make_log_sink(settings.log.to)) {
      log_.set_sink(std::move(*sink));
    } else {
      log_.error(sink.error().reason);
    }
  }
  log_.set_level(settings.log.level);
  router_->set_own_addresses(configuration_.own_addresses);
  router_->reconfigure(
      settings);  // before anything can answer it: its sites lived in the old settings
  if (is_dns_changed || settings.dns.servers.empty()) resolver_->reconfigure(settings.dns);
  streams_->set_own_addresses(configuration_.own_addresses);
  streams_->set_tls(configuration_.tls);
  reconfigure_sts();
  reload_reply_classes();
  reconfigure_events(false);
  dispatcher_->set_seal_keys(configuration_.seal_keys);
  dispatcher_->reconfigure(settings, now);
  waker_->set_wanted(settings.postfix.wake);
  bodies_->set_limits(body_limits(settings));
  if (auto listening = imap_->reconfigure(configuration_); !listening)
    log_.error(listening.error().reason);
  intake_->reconfigure(intake_settings(configuration_));
  allow_control();
  places_->reconfigure(settings);
  admission_->reconfigure(settings);
  (void)metrics_->reconfigure(
      settings.metrics);  // says itself what went wrong; the old socket stays
  if (map_) map_->reconfigure(map_settings(settings));
  loaded_at_ = std::chrono::system_clock::now();
  loop_.end_turn_soon();
}

}  // namespace mailpool::manager

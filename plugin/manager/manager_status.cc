// What the manager says about itself: the part of `status` and `check` that delivery does not know.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/control/imap_findings.h"
#include "manager/certificate_findings.h"
#include "manager/manager.h"
#include "manager/process_figures.h"
#include "manager/snapshots.h"

namespace mailpool::manager {

using control::Finding;
using Level = control::Finding::Level;

void Manager::fill(control::ManagerStatus& s) const {
  auto const& settings = configuration_.settings;
  s.version = MAILPOOL_VERSION;
  s.state = name_of(state_);
  s.uptime = loop_.now() - started_at_;
  s.lmtp_connections = intake_->connections();
  s.lmtp_max_connections = settings.lmtp.max_connections;
  s.lmtp_peers_refused = intake_->peers_refused();
  auto const bodies = bodies_->figures();
  s.bodies = bodies.memory;
  s.memory_limit = settings.lmtp.memory_limit;
  s.spilled = bodies.disk;
  s.bodies_refused = bodies_refused_.count;
  if (has_refused_bodies(loop_.now())) s.bodies_problem = bodies_refused_.problem;
  s.cancelled = intake_->cancelled();
  s.dns_validation = resolver_->validation();
  s.dnssec_expected = !settings.dns.trust_anchor.empty();
  s.log_dropped = log_.dropped();
  s.loop_worst_us = worst_turn_.most(loop_.now());
  auto const& admission = admission_->counts();
  s.admission = {admission.asked, admission.full, admission.suspended};
  s.map_file = map_ ? settings.postfix.map : std::string();
  s.map_generation = map_ ? map_->generation() : 0;
  auto state = store_->figures();
  s.state_file = {std::move(state.file),
                  std::move(state.problem),
                  std::move(state.set_aside),
                  state.octets,
                  state.records,
                  state.waiting,
                  state.written,
                  state.dropped,
                  state.last_written};
  for (auto const& output : events_.outputs())
    s.events.push_back({output->kind, output->place, output->problem(), output->written.load(),
                        output->dropped.load()});
  s.configuration.file = path_;
  s.configuration.loaded = loaded_at_;
  s.configuration.mistakes = last_reload_.mistakes;
  s.configuration.warnings = configuration_.warnings;
}

void Manager::measure(control::Measured& measured) const {
  measured.turns = turns_;
  measured.process = process_figures();
}

void Manager::add_state_findings(std::vector<Finding>& to) const {
  auto const state = store_->figures();
  if (state.problem.empty()) {
    to.push_back({Level::Good, "state",
                  fmt::format("what survives a restart is kept in {}: {} record{}", state.file,
                              state.records, state.records == 1 ? "" : "s"),
                  ""});
  } else {
    to.push_back(
        {Level::Mistake, "state",
         fmt::format("suspensions and counters would not survive a restart: {}", state.problem),
         fmt::format("give user mailpool a writable {} with room on its disk (state_dir)",
                     configuration_.settings.state_dir)});
  }
  for (auto const& damaged : state.set_aside)
    to.push_back({Level::Warning, "state",
                  fmt::format("the state database was damaged and set aside as {}", damaged),
                  "look at poolctl status for suspensions that are missing, then remove the file"});
}

void Manager::add_waking_findings(std::vector<Finding>& to) const {
  if (!configuration_.settings.postfix.wake) {
    to.push_back({Level::Note, "waking",
                  "mail that waits comes by the MTA's own clock ([postfix] wake = false)", ""});
    return;
  }
  for (auto const& queue : waker_->states()) {
    if (!queue.trouble.empty())
      to.push_back(
          {Level::Warning, "waking",
           fmt::format("mail that waits in the queue comes by Postfix's own clock, so that "
                       "limits are not used up: {}",
                       queue.trouble),
           "let Postfix run, and mailpoold have the group postdrop (SupplementaryGroups of "
           "mailpool.service; package postfix-mailpool)"});
    else if (queue.is_known)
      to.push_back(
          {Level::Good, "waking",
           fmt::format("mail that waits in {} is woken when there is room", queue.directory), ""});
  }
}

std::vector<control::WakingStatus> Manager::waking() const {
  std::vector<control::WakingStatus> all;
  if (configuration_.settings.postfix.wake)
    for (auto const& queue : waker_->states())
      all.push_back({queue.directory, queue.works(), queue.trouble});
  return all;
}

// What is over is a note: it must not hide what is wrong now.
void Manager::add_body_findings(std::vector<Finding>& to) const {
  if (bodies_refused_.count == 0) return;
  auto text =
      fmt::format("{} message{} answered 452, the last one because {}", bodies_refused_.count,
                  bodies_refused_.count == 1 ? " was" : "s were", bodies_refused_.problem);
  if (has_refused_bodies(loop_.now()))
    to.push_back({Level::Mistake, "manager", std::move(text),
                  fmt::format("make room in {} (state_dir), or raise [lmtp] memory_limit",
                              configuration_.settings.state_dir)});
  else
    to.push_back({Level::Note, "manager", std::move(text) + "; that is over", ""});
}

void Manager::add_trouble_findings(std::vector<Finding>& to) const {
  constexpr std::size_t most = 10;
  auto const now = loop_.now();
  std::size_t failing = 0;
  for (auto const& [name, site] : dispatcher_->sites()) {
    if (site->state(now) != site::SiteState::Failing || ++failing > most) continue;
    to.push_back({Level::Warning, "delivery",
                  fmt::format("site {}: {}", name, site->trouble().words()),
                  site->trouble().cure(name)});
  }
  if (failing > most)
    to.push_back({Level::Warning, "delivery",
                  fmt::format("{} more sites deliver nothing", failing - most), "poolctl status"});
}

std::vector<Finding> Manager::check() const {
  auto const& settings = configuration_.settings;
  std::vector<Finding> findings;
  auto add = [&](Level level, std::string area, std::string text, std::string mend) {
    findings.push_back({level, std::move(area), std::move(text), std::move(mend)});
  };
  if (last_reload_.mistakes.empty()) {
    add(Level::Good, "configuration", fmt::format("{} is in force", path_), "");
  } else {
    for (auto const& mistake : last_reload_.mistakes)
      add(Level::Mistake, "configuration", mistake,
          fmt::format("edit {} and run: poolctl reload", path_));
  }
  for (auto const& option : last_reload_.needs_restart)
    add(Level::Warning, "configuration",
        fmt::format("{} was changed and takes effect at a restart only", option),
        "systemctl restart mailpool");
  for (auto const& warning : configuration_.warnings)
    add(Level::Warning, "configuration", warning, fmt::format("edit {}", path_));
  for (auto const& listener : intake_->listeners())
    add(Level::Good, "socket", fmt::format("LMTP is taken at {}", listener.path()), "");
  if (intake_->peers_refused() != 0)
    add(Level::Warning, "socket",
        fmt::format("{} LMTP connections came from users not among [lmtp] allow_users",
                    intake_->peers_refused()),
        "look into the log for their uids");
  auto const validation = resolver_->validation();
  bool const is_worth_a_warning = validation != "on" && !settings.dns.trust_anchor.empty();
  add(validation == "on"   ? Level::Good
      : is_worth_a_warning ? Level::Warning
                           : Level::Note,
      "dns", fmt::format("DNSSEC validation: {}", validation),
      is_worth_a_warning
          ? "let [dns] servers name a resolver that passes DNSSEC on, such as a local unbound; or "
            "say [dns] trust_anchor = \"\" where that is known"
          : "");
  for (auto& of_certificate :
       certificate_findings(configuration_.tls->shown(), loop_.clock().wall(loop_.now())))
    findings.push_back(std::move(of_certificate));
  for (auto& of_imap :
       control::imap_findings(imap_desk_->imap_status(0, ""), loop_.clock().wall(loop_.now())))
    findings.push_back(std::move(of_imap));
  add_body_findings(findings);
  add_state_findings(findings);
  add_waking_findings(findings);
  add_trouble_findings(findings);
  if (log_.dropped() != 0)
    add(Level::Warning, "manager",
        fmt::format("{} log lines were dropped because the log did not keep up", log_.dropped()),
        "");
  if (context_->totals.poisoned != 0)
    add(Level::Note, "manager",
        fmt::format("{} connections ended for protocol errors of the server",
                    context_->totals.poisoned),
        "");
  return findings;
}

}  // namespace mailpool::manager

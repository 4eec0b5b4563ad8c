#include "core/site/trouble.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <utility>

namespace mailpool::site {
namespace {

// RFC 3463: X.1 is about an address, X.2 about a mailbox; neither says anything of the site.
bool is_about_one_recipient(Outcome const& outcome) {
  return outcome.said_by_remote && (outcome.enhanced.subject == 1 || outcome.enhanced.subject == 2);
}

constexpr std::uint16_t network = 4;
constexpr std::uint16_t security = 7;
constexpr std::uint16_t by_tls = 5;
constexpr std::uint16_t by_login = 8;

bool is_failure(Outcome const& outcome) {
  if (outcome.said_by_remote) return !is_about_one_recipient(outcome);
  auto const& code = outcome.enhanced;
  return code.subject == network ||
         (code.subject == security && (code.detail == by_tls || code.detail == by_login));
}

std::string utc(WallTime t) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(t)));
}

}  // namespace

std::optional<Trouble::News> Trouble::note(Outcome const& outcome, TimePoint now, WallTime wall) {
  if (outcome.kind == OutcomeKind::Delivered) {
    auto const before = std::exchange(run_, nullptr);
    if (!before || !before->is_on) return std::nullopt;
    return News{true, fmt::format("delivers again; since {} {} recipients had failed",
                                  utc(before->since), before->all())};
  }
  if (!is_failure(outcome)) return std::nullopt;
  if (!run_ || now >= after(run_->last_at, lapses_after)) {
    run_ = std::make_unique<Run>();
    run_->since = wall;
  }
  ++(outcome.said_by_remote && outcome.kind == OutcomeKind::Refused ? run_->refusals
                                                                    : run_->failures);
  run_->last_at = now;
  run_->last = outcome;
  bool const was_on = run_->is_on;
  run_->is_on = run_->failures >= enough || run_->all() >= enough_refusals;
  if (!run_->is_on || was_on) return std::nullopt;
  return News{false, words()};
}

std::string Trouble::words() const {
  return fmt::format("nothing delivered since {}, {} recipients failed in a row: {}",
                     utc(run_->since), run_->all(), run_->last.reply_line());
}

std::string Trouble::cure(std::string_view site) const {
  auto const& last = run_->last;
  auto const& code = last.enhanced;
  if (last.said_by_remote && last.kind == OutcomeKind::Refused)
    return fmt::format(
        "its server refuses all mail: ask its postmaster about that reply; meanwhile poolctl "
        "suspend {} --for 4h --reason TEXT keeps mail from bouncing",
        site);
  if (last.said_by_remote)
    return fmt::format(
        "its server takes nothing now: what the reply asks for, or wait; poolctl suspend {} --for "
        "1h --reason TEXT leaves it in peace",
        site);
  if (code.subject == security && code.detail == by_login)
    return "its login is not accepted: see the row of the login in poolctl status";
  if (code.subject == security)
    return "TLS is not as required: poolctl explain ADDRESS says what of each host; [tls] and tls "
           "in mailpool.toml(5)";
  return fmt::format(
      "its hosts do not answer: poolctl status {} shows each; see whether this host may reach "
      "their "
      "port (firewall, routing)",
      site);
}

}  // namespace mailpool::site

// How connections of a site become usable, age and end.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "core/base/text.h"
#include "core/delivery/site.h"
#include "core/delivery/telling.h"

namespace mailpool::delivery {

using pool::ConnectionState;

namespace {

// Reasons of our own have their option's name; whatever a server says is counted under one word, so
// that the list stays short.
constexpr std::array<std::string_view, 13> own_reasons{
    "idle_timeout", "max_lifetime", "max_messages", "max_connections", "flush",
    "drain",        "reload",       "suspended",    "cancelled",       "surplus",
    "backing_off",  "overtaken",    "descriptors"};

// What the log says of a connection's TLS.
std::string tls_words(TlsFacts const& facts, tls::Policy const& policy, std::string const& host) {
  if (!facts.is_encrypted()) return fmt::format(" level={} tls=none", name_of(policy.level));
  auto const end = facts.certificate ? fmt::format(" certificate_ends={:%Y-%m-%d}",
                                                   fmt::gmtime(std::chrono::system_clock::to_time_t(
                                                       facts.certificate->not_after)))
                                     : std::string();
  return fmt::format(" level={} tls={} cipher={} resumed={} server=\"{}\"{}", name_of(policy.level),
                     facts.version, facts.cipher, facts.resumed ? "yes" : "no",
                     printable(tls::verified_how(facts, host)), end);
}

bool is_own_reason(std::string_view reason) {
  return std::find(own_reasons.begin(), own_reasons.end(), reason) != own_reasons.end();
}

}  // namespace

void Site::on_encrypted(SmtpConnection& connection) {
  for (auto* counters : {&counters_, &context_.totals}) {
    ++counters->handshakes;
    if (connection.tls().resumed) ++counters->resumed;
  }
}

void Site::on_ready(SmtpConnection& connection, TimePoint now) {
  auto& path = path_of(connection);
  path.health.succeeded(connection.endpoint());
  if (!connection.is_overtaken()) path.backlog.note_ready(connection.connecting_took());
  if (context_.log.is_on(LogLevel::Info))
    context_.log.info(fmt::format(
        "connection site={} endpoint={} id={} state=idle connect={:.3f}{}", name_,
        connection.endpoint().to_string(), connection.id(), seconds(connection.connecting_took()),
        tls_words(connection.tls(), connection.policy(), connection.target().host)));
  measure(&StageTimes::connect, connection.connect_took());
  if (connection.tls().is_encrypted()) measure(&StageTimes::handshake, connection.handshake_took());
  tell_opened(context_, path.name(), connection, now);
  pool_.enter(connection, ConnectionState::Idle);
  judge_tls(connection, now);
  be_pumped_at(now);
}

// What the handshake proved is held against what the domain requires that the connection was opened
// for. Others may have lower standards: it is closed only if nobody who waits can use it.
void Site::judge_tls(SmtpConnection& connection, TimePoint now) {
  auto const& policy = connection.policy();
  auto const against = connection.objection(policy, context_.clock.wall(now));
  connection.mark_reported(connection.opened_for());
  report_tls(connection, connection.opened_for(), policy, std::nullopt, now);
  if (connection.tls().is_encrypted())
    context_.tls.memory.handshake_succeeded(connection.endpoint().to_string());
  if (!against) return tls_.note_proven(policy, connection.endpoint());
  auto words = fmt::format("{}: {}", connection.endpoint().to_string(), against->words);
  last_error_ = words;
  context_.log.warning(fmt::format("connection site={} id={} domain={}: {}", name_, connection.id(),
                                   connection.opened_for(), printable(words)));
  tls_.note_unproven(policy, connection.endpoint(),
                     against->outcome(connection.endpoint().to_string()), now);
  bool is_wanted = false;
  waiting_.for_each([&](Transaction const& t) {
    is_wanted = is_wanted || can_serve(connection, seeker(t, t.source), now);
  });
  if (!is_wanted) close(connection, words, now);
}

// A session counts once for each policy domain that it served.
void Site::report_tls(SmtpConnection const& connection, std::string const& domain,
                      tls::Policy const& policy, std::optional<tls::Objection> const& against,
                      TimePoint now) {
  // "TLS-Required: No" sets the domain's policy aside, so there is nothing to say of it.
  if (!policy.uses_tls() || policy.tls_required_no) return;
  auto const wall = context_.clock.wall(now);
  auto const found = against ? against : tls::objection_to_report(policy, connection.tls(), wall);
  tls::SessionResult result{policy.text, std::nullopt, {}, {}};
  if (found) {
    result.failure = found->failure;
    result.ends = connection.ends();
    result.details = found->words;
  }
  context_.tls.reports.note(domain, result, wall);
}

void Site::on_checked(SmtpConnection& connection, TimePoint now) {
  if (connection.state() == ConnectionState::Checking) {
    pool_.enter(connection, ConnectionState::Idle);
    if (context_.is_draining) close(connection, "drain", now);
  }
  be_pumped_at(now);
}

void Site::on_disturbed(SmtpConnection& connection, TimePoint now) {
  if (connection.state() == ConnectionState::Idle)
    pool_.enter(connection, ConnectionState::Closing);
  be_pumped_at(now);
}

// Of one that has come back.
std::string_view Site::reason_to_close(SmtpConnection const& connection, TimePoint now) const {
  if (context_.is_draining) return "drain";
  if (connection.id() <= flushed_up_to_) return flushed_because_;
  if (must_make_way(connection)) return "max_connections";
  return pool_.reason_to_close(connection, aging_of(&connection), now);
}

void Site::close_aged(TimePoint now) {
  while (true) {
    auto const& idle = pool_.in(ConnectionState::Idle);
    SmtpConnection* aged = nullptr;
    std::string_view reason;
    // Oldest first: min_idle keeps the newest.
    for (auto it = idle.rbegin(); it != idle.rend() && aged == nullptr; ++it) {
      auto& connection = static_cast<SmtpConnection&>(**it);
      reason = pool_.reason_to_close(connection, aging_of(&connection), now);
      if (!reason.empty()) aged = &connection;
    }
    if (aged == nullptr) return;
    close(*aged, reason, now);
  }
}

void Site::close(SmtpConnection& connection, std::string_view reason, TimePoint now) {
  pool_.enter(connection, ConnectionState::Closing);
  connection.quit(reason, now);
  connection.settle(now);
}

pool::Aging Site::aging_of(SmtpConnection const* connection) const {
  auto most = settings_.max_messages;
  if (connection != nullptr) {
    auto const home = home_of(*connection);
    auto const& all_paths = home ? home.site->all_paths_ : all_paths_;
    most = all_paths.tightened_messages(judged_path(*connection).reactions.max_messages());
    if (auto const announced = connection->session().capabilities().mail_max;
        announced && *announced != 0)
      most = most == 0 ? *announced : std::min(most, *announced);
  }
  return {settings_.idle_timeout, most, settings_.min_idle};
}

void Site::count_all_paths() {
  auto* const scope = all_paths_.scope();
  if (scope == nullptr) return;
  for (auto state : {ConnectionState::Connecting, ConnectionState::Idle, ConnectionState::Busy,
                     ConnectionState::Checking, ConnectionState::Closing})
    for (auto const& c : pool_.in(state))
      static_cast<SmtpConnection&>(*c).be_counted_by_all_paths(scope->connections);
  count_guests();
}

void Site::count_close(std::string_view reason) {
  std::string const word(is_own_reason(reason) ? reason : std::string_view("remote"));
  ++counters_.closed[word];
  ++context_.totals.closed[word];
}

// A failure of TLS concerns only those who require TLS: others may meet the host without. A silence
// is one only when it is met again: until then the network may be to blame, and the host is left
// alone as if it could not be reached.
void Site::note_setup_failure(SmtpConnection const& connection, smtp::Closed const& closed,
                              TimePoint now) {
  auto const endpoint = connection.endpoint();
  auto const& policy = connection.policy();
  auto& health = path_of(connection).health;
  last_error_ = closed.setup_failure->text;
  // A wrong password is no fault of the host, and no other host need be shown it (RFC 4954 6).
  if (closed.login_refused) {
    auto const& login = connection.login_use().name;
    if (context_.logins.refused(login, connection.key().credential.version, *closed.setup_failure,
                                now)) {
      context_.log.warning(
          fmt::format("login {}: refused: {}", login, printable(closed.setup_failure->text)));
      tell_login(context_, {login, endpoint.to_string(), closed.setup_failure->text}, now);
    }
    return;
  }
  // The next one shakes hands without, at once.
  if (connection.has_failed_to_resume()) return;
  if (closed.tls_trouble == smtp::TlsTrouble::Silence &&
      !context_.tls.memory.is_silent_again(endpoint.to_string(), connection.opened_at(), now))
    return health.failed(endpoint, *closed.setup_failure, now);
  if (closed.tls_trouble != smtp::TlsTrouble::None) {
    bool const is_absent = closed.tls_trouble == smtp::TlsTrouble::NotOffered;
    report_tls(connection, connection.opened_for(), policy,
               tls::Objection{
                   is_absent ? tls::Failure::StarttlsNotSupported : tls::Failure::ValidationFailure,
                   closed.reason},
               now);
  }
  if (closed.try_plain) {
    context_.tls.memory.handshake_failed(endpoint.to_string(), closed.reason,
                                         context_.clock.wall(now));
  } else if (closed.tls_trouble != smtp::TlsTrouble::None && policy.needs_tls()) {
    auto failure = *closed.setup_failure;
    if (closed.tls_trouble != smtp::TlsTrouble::NotOffered)
      failure.text += fmt::format(" ({} requires TLS)", policy.demand());
    if (policy.require_tls && closed.lacks_tls)
      failure = Outcome::local(550, {5, 7, 10}, std::move(failure.text));
    tls_.note_unproven(policy, endpoint, std::move(failure), now);
  } else {
    health.failed(endpoint, *closed.setup_failure, now);
  }
}

void Site::on_closed(SmtpConnection& connection, smtp::Closed const& closed, TimePoint now) {
  assert(connection.state() != ConnectionState::Busy &&
         "the transaction is finished before its connection is closed");
  auto const endpoint = connection.endpoint();
  if (closed.setup_failure) note_setup_failure(connection, closed, now);
  if (!closed.no_socket.empty())
    context_.rest_for_sockets(closed.no_socket, !waiting_.is_empty(), now);
  if (closed.protocol_error) {
    ++counters_.poisoned;
    ++context_.totals.poisoned;
  }
  carry_out_at_home(react_to_close(connection, closed, now), connection, now);
  count_close(closed.reason);
  if (context_.log.is_on(LogLevel::Info))
    context_.log.info(fmt::format(
        "connection site={} endpoint={} id={} state=closing reason=\"{}\" messages={} age={:.1f}",
        name_, endpoint.to_string(), connection.id(), printable(closed.reason), connection.uses(),
        seconds(now - connection.opened_at())));
  tell_closed(context_, path_of(connection).name(), connection, closed.reason, now);
  --context_.connections_open;
  connection.give_back_permits();
  context_.bury(pool_.remove(connection));
  be_pumped_at(now);
}

}  // namespace mailpool::delivery

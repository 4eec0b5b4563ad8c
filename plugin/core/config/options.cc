#include "core/config/options.h"

#include <cassert>

namespace mailpool {
namespace {

using namespace std::chrono_literals;
using value::duration;
using value::ListOf;
using value::OneOf;
using value::Whole;
using value::YesNo;

constexpr std::uint64_t KiB = 1ULL << 10U;
constexpr std::uint64_t GiB = 1ULL << 30U;
constexpr std::uint64_t TiB = 1ULL << 40U;

// What stands beside an option's sentence.
struct Notes {
  std::string more = {};
  std::string example = {};
};

template <class T>
struct Unwrapped {
  using Type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using Type = T;
};

template <class Kind, class T>
std::string shown(Kind const& kind, T const& member) {
  return kind.show(member);
}
template <class Kind, class T>
std::string shown(Kind const& kind, std::optional<T> const& member) {
  return member ? kind.show(*member) : std::string();
}

// A named site has its settings inside, so every option of [smtp] can be read into it.
template <class Owner>
Owner& owner_in(Part part) {
  if constexpr (std::is_same_v<Owner, SiteSettings>)
    if (auto* const named = std::get_if<NamedSite*>(&part)) return (*named)->settings;
  return *std::get<Owner*>(part);
}

// One row of the table. The member decides which part the option is kept in.
template <class Owner, class T, class Kind>
Option row(Section section, char const* key, T Owner::*member, Kind kind, char const* sentence, Notes notes = {}) {
  static_assert(std::is_same_v<typename Kind::Value, typename Unwrapped<T>::Type>, "the kind must read the member's type");
  Option option{section, key, kind.words(), sentence, std::move(notes.more), std::move(notes.example), false, {}, {}};
  option.read = [member, kind](Part part, Node const& node, value::Wrongs& wrongs) {
    if (auto value = kind.read(node, wrongs)) owner_in<Owner>(part).*member = std::move(*value);
  };
  option.show = [member, kind](Part part) { return shown(kind, owner_in<Owner>(part).*member); };
  return option;
}

Option needs_restart(Option option) {
  option.restart = true;
  return option;
}

using List = std::vector<Option>;

void add_top(List& list) {
  auto const in = Section::Top;
  list.push_back(row(in, "hostname", &Settings::hostname, value::host_name_or_empty(),
      "The name mailpoold gives itself in EHLO.",
      {R"(Left empty, it is the machine's fully qualified name. It should have an A or AAAA record that leads to the address mail is sent from: many servers check.)",
       R"("mail.example.com")"}));
  list.push_back(needs_restart(row(in, "state_dir", &Settings::state_dir, value::path(),
      "The directory for what must survive a restart.")));
  list.push_back(row(in, "drain_timeout", &Settings::drain_timeout, duration(0s, 1h),
      "How long open transactions may take to finish when mailpoold is stopped.",
      {"What is not finished then is answered 451 and stays in the MTA's queue. Keep it below TimeoutStopSec of the service."}));
}

void add_lmtp(List& list) {
  auto const in = Section::Lmtp;
  list.push_back(needs_restart(row(in, "listen", &LmtpSettings::listen, ListOf{value::socket_path(), 1, 16},
      "The Unix sockets where the MTA hands mail over.",
      {"Sockets passed by systemd are used instead of these."})));
  list.push_back(needs_restart(row(in, "socket_mode", &LmtpSettings::socket_mode, value::file_mode(),
      "The mode of these sockets: who may connect.")));
  list.push_back(needs_restart(row(in, "socket_group", &LmtpSettings::socket_group, value::group_or_empty(),
      "The group of these sockets.")));
  list.push_back(row(in, "allow_users", &LmtpSettings::allow_users, ListOf{value::user(), 0, 64},
      "The users that may hand over mail, asked of the kernel on every connection.",
      {"Whoever may connect here can send mail to the world: name the MTA's user only. A name that does not exist is only a warning."}));
  list.push_back(row(in, "max_connections", &LmtpSettings::max_connections, Whole<std::uint32_t>{1, 20000},
      "How many LMTP connections may be open at once; further ones wait to be accepted, none is refused.",
      {"It must not be smaller than the MTA's process limit for this transport."}));
  list.push_back(row(in, "max_message_size", &LmtpSettings::max_message_size, value::size(KiB, 2 * GiB),
      "The largest message taken, announced as SIZE; larger ones are refused with 552 5.3.4.",
      {"Should be no smaller than the MTA's own limit (message_size_limit of Postfix)."}));
  list.push_back(row(in, "spill_above", &LmtpSettings::spill_above, value::size(0, GiB),
      "A larger body goes to an unlinked temporary file instead of memory.",
      {"At most memory_limit."}));
  list.push_back(row(in, "memory_limit", &LmtpSettings::memory_limit, value::size(64 * KiB, TiB),
      "The most that all bodies in memory may take together; beyond it a message is answered 452 4.3.1."));
  list.push_back(row(in, "max_wait", &LmtpSettings::max_wait, duration(0s, 5min),
      "The longest a transaction waits for a limit or a connection; then it is answered 451 4.7.1 and waits in the MTA's queue.",
      {"Longer keeps the MTA's delivery slots occupied, shorter makes it try more often."}));
}

void add_control(List& list) {
  auto const in = Section::Control;
  list.push_back(needs_restart(row(in, "listen", &ControlSettings::listen, value::socket_path(),
      "The Unix socket that poolctl talks to.")));
  list.push_back(row(in, "read_users", &ControlSettings::read_users, ListOf{value::user(), 0, 64},
      "The users that may look: status, connections, explain."));
  list.push_back(row(in, "write_users", &ControlSettings::write_users, ListOf{value::user(), 0, 64},
      "The users that may also change something: suspend, resume, flush, drain, reload."));
}

void add_postfix(List& list) {
  auto const in = Section::Postfix;
  list.push_back(needs_restart(row(in, "map", &PostfixSettings::map, value::path_or_empty(),
      "The file that the Postfix table reads; d/ beside it holds the doors.",
      {"It lies in Postfix's queue directory. Without that directory there is no map, which is said once in the log."})));
  list.push_back(row(in, "fallback", &PostfixSettings::fallback, OneOf{std::array{Fallback::Smtp, Fallback::Defer}},
      "What the Postfix table answers while mailpoold is away: let Postfix deliver by smtp, or defer.",
      {"Choose defer where a limit matters more than a delay. [site.NAME] can say otherwise for one site."}));
  list.push_back(row(in, "exclude_domains", &PostfixSettings::exclude_domains, ListOf{value::domain(), 0, 10000},
      "Domains that the Postfix table never routes into the pool.", {"", R"(["intranet.example.com"])"}));
}

void add_dns(List& list) {
  auto const in = Section::Dns;
  list.push_back(row(in, "servers", &DnsSettings::servers, ListOf{value::dns_server(), 0, 16},
      "The DNS servers to ask; none: those of /etc/resolv.conf.", {"", R"(["127.0.0.1:5353"])"}));
  list.push_back(row(in, "trust_anchor", &DnsSettings::trust_anchor, value::path_or_empty(),
      "The DNSSEC root key; \"\" turns validation off, and DANE with it.",
      {"Where the DNS servers strip signatures, mailpoold notices and turns validation off by itself, with a warning."}));
  list.push_back(row(in, "timeout", &DnsSettings::timeout, duration(100ms, 1min),
      "How long an answer may take; then the recipient is answered 451 4.4.3."));
}

void add_site_sizes(List& list) {
  auto const in = Section::Smtp;
  using S = SiteSettings;
  list.push_back(row(in, "max_connections", &S::max_connections, Whole<std::uint32_t>{1, 10000},
      "How many connections to a site may be open at once.",
      {"Providers often publish theirs; more than they allow brings 421 replies."}));
  list.push_back(row(in, "min_idle", &S::min_idle, Whole<std::uint32_t>{0, 10000},
      "How many connections are kept open even without traffic, once the site has been used.",
      {"At most max_connections. Worth its price only for sites with steady mail."}));
  list.push_back(row(in, "idle_timeout", &S::idle_timeout, duration(100ms, 1h),
      "An idle connection is closed after this time.",
      {"Servers close idle connections themselves, mostly after 5 minutes; stay below."}));
  list.push_back(row(in, "max_lifetime", &S::max_lifetime, duration(1s, 24h),
      "A connection is not used again after this time, shortened at random by up to 10 %."));
  list.push_back(row(in, "max_messages", &S::max_messages, Whole<std::uint32_t>{1, 1000000},
      "How many messages a connection carries before it is closed.",
      {"A lower number announced or shown by the server wins."}));
  list.push_back(row(in, "connect_timeout", &S::connect_timeout, duration(100ms, 5min),
      "How long connecting to one address may take."));
  list.push_back(row(in, "rate", &S::rate, value::rate(),
      "How many transactions may begin: one message to one domain, whatever its number of recipients.",
      {"Retries count. A burst passes at once after a pause; without the word it is one second's worth.",
       R"("100/s, burst 200")"}));
  list.push_back(row(in, "connect_rate", &S::connect_rate, value::rate(),
      "How many connections may be opened.", {"", R"("60/min")"}));
  list.push_back(row(in, "max_waiting", &S::max_waiting, Whole<std::uint32_t>{0, 100000},
      "How many transactions may wait for a site; beyond it the answer is 451 at once.",
      {"It keeps one slow site from taking all of the MTA's delivery slots."}));
  list.push_back(row(in, "max_recipients", &S::max_recipients, Whole<std::uint32_t>{1, 10000},
      "How many recipients one transaction may have; more are split.",
      {"RFC 5321 asks servers to take 100."}));
}

void add_site_conversation(List& list) {
  auto const in = Section::Smtp;
  using S = SiteSettings;
  list.push_back(row(in, "ip", &S::ip,
      OneOf{std::array{IpPreference::Any, IpPreference::Only4, IpPreference::Only6, IpPreference::Prefer4,
                       IpPreference::Prefer6}},
      "Which addresses of a host are used, or tried first."));
  list.push_back(row(in, "tls", &S::tls, OneOf{std::array{TlsLevel::None, TlsLevel::May, TlsLevel::Encrypt}},
      "TLS: never, where the server offers it, or always.",
      {"With \"encrypt\", mail to a server that cannot is answered 451 4.7.5 and waits."}));
  list.push_back(row(in, "eight_bit", &S::eight_bit, OneOf{std::array{EightBit::Send, EightBit::Refuse}},
      "What to do with 8-bit mail where the server lacks 8BITMIME.",
      {"Practically every server takes it; converting it would break DKIM signatures."}));
  list.push_back(row(in, "one_flight_within", &S::one_flight_within, duration(0s, 5min),
      "A whole message is sent in one round trip on a connection that answered within this time; otherwise MAIL and RCPT prove the connection first.",
      {"\"0s\" turns it off."}));
  list.push_back(row(in, "pipelining", &S::pipelining, YesNo{},
      "Use PIPELINING where it is offered.", {"Turn it off for a server that mishandles it."}));
  list.push_back(row(in, "chunking", &S::chunking, YesNo{},
      "Use CHUNKING (BDAT) where it is offered: one round trip per message.",
      {"Turn it off for a server that mishandles it."}));
  list.push_back(row(in, "port", &S::port, Whole<std::uint16_t>{1, 65535},
      "The port of hosts found by MX."));
  list.push_back(row(in, "source", &S::source, value::source(),
      "The name of a [source.NAME], the address mail is sent from."));
  list.push_back(row(in, "prohibited", &S::prohibited, ListOf{value::network(), 0, 1000},
      "Networks that are never connected to when MX leads there; the machine's own addresses neither.",
      {"Hosts named in [route] are exempt. Add \"10.0.0.0/8\" and the like where nobody outside should make mailpoold connect into the private network."}));
}

void add_site_timeouts(List& list) {
  auto const in = Section::Smtp;
  using S = SiteSettings;
  auto const reply = duration(100ms, 10min);
  list.push_back(row(in, "greeting_timeout", &S::greeting_timeout, reply, "How long the greeting may take.",
      {"This and the following timeouts are those of RFC 5321 4.5.3.2. Shorter ones free connections earlier; too short ones fail on servers that delay on purpose."}));
  list.push_back(row(in, "ehlo_timeout", &S::ehlo_timeout, reply, "How long the reply to EHLO may take."));
  list.push_back(row(in, "starttls_timeout", &S::starttls_timeout, reply, "How long STARTTLS and the handshake may take."));
  list.push_back(row(in, "mail_timeout", &S::mail_timeout, reply, "How long the reply to MAIL may take."));
  list.push_back(row(in, "rcpt_timeout", &S::rcpt_timeout, reply, "How long the reply to RCPT may take."));
  list.push_back(row(in, "data_timeout", &S::data_timeout, reply, "How long the reply to DATA may take."));
  list.push_back(row(in, "body_timeout", &S::body_timeout, reply, "How long sending may stand still within a body."));
  list.push_back(row(in, "end_of_data_timeout", &S::end_of_data_timeout, duration(100ms, 20min),
      "How long the final reply may take.",
      {"A message given up here may have been delivered and will be sent again: do not shorten it. The MTA must wait longer still (lmtp_data_done_timeout of Postfix: 1800s)."}));
}

void add_domain(List& list) {
  auto const in = Section::Domain;
  list.push_back(row(in, "max_connections", &DomainSettings::max_connections, Whole<std::uint32_t>{1, 10000},
      "How many of its site's connections this domain may use at once.", {"", "2"}));
  list.push_back(row(in, "rate", &DomainSettings::rate, value::rate(), "How many transactions to it may begin.",
      {"", R"("5/s")"}));
}

void add_site(List& list) {
  auto const in = Section::Site;
  list.push_back(row(in, "mx", &NamedSite::mx, ListOf{value::mx_suffix(), 0, 1000},
      "Ends of MX host names: a domain whose MX hosts end so belongs to this site.",
      {"", R"([".google.com", ".googlemail.com"])"}));
  list.push_back(row(in, "domains", &NamedSite::domains, ListOf{value::domain(), 0, 10000},
      "Domains known to belong to this site without a DNS answer.", {"", R"(["gmail.com", "googlemail.com"])"}));
  list.push_back(row(in, "fallback", &SiteSettings::fallback, OneOf{std::array{Fallback::Smtp, Fallback::Defer}},
      "As in [postfix], for this site alone."));
}

void add_log_and_metrics(List& list) {
  list.push_back(row(Section::Log, "to", &LogSettings::to, value::log_target(),
      "Where log lines go: syslog (facility mail), the journal, standard error, or a file.",
      {"A file is opened again on SIGHUP, so that it can be rotated."}));
  list.push_back(row(Section::Log, "level", &LogSettings::level,
      OneOf{std::array{LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error}},
      "The least important lines that are written.",
      {"Below \"info\" stand the lines about connections' conversations; above it those about each recipient are lost."}));
  list.push_back(row(Section::Metrics, "listen", &MetricsSettings::listen, value::listen_address_or_empty(),
      "Where Prometheus finds figures as text, at /metrics.",
      {"Anyone who can connect can read them: names of sites, no addresses of people.", R"("127.0.0.1:9779")"}));
}

List whole_table() {
  List list;
  add_top(list);
  add_lmtp(list);
  add_control(list);
  add_postfix(list);
  add_dns(list);
  add_site_sizes(list);
  add_site_conversation(list);
  add_site_timeouts(list);
  add_domain(list);
  add_site(list);
  add_log_and_metrics(list);
  return list;
}

}  // namespace

std::string_view name_of(Section section) {
  switch (section) {
    case Section::Top: return "";
    case Section::Lmtp: return "lmtp";
    case Section::Control: return "control";
    case Section::Postfix: return "postfix";
    case Section::Dns: return "dns";
    case Section::Smtp: return "smtp";
    case Section::Domain: return "domain";
    case Section::Site: return "site";
    case Section::Log: return "log";
    case Section::Metrics: return "metrics";
  }
  return "";
}

std::string Option::full_name() const {
  if (section == Section::Top) return key;
  if (section == Section::Domain) return "[domain.\"NAME\"] " + key;
  if (section == Section::Site) return "[site.NAME] " + key;
  return fmt::format("[{}] {}", name_of(section), key);
}

std::vector<Option> const& options() {
  static std::vector<Option> const table = whole_table();
  return table;
}

std::span<Option const> options_of(Section section) {
  auto const& all = options();
  auto const is_of = [section](Option const& option) { return option.section == section; };
  auto const begin = std::find_if(all.begin(), all.end(), is_of);
  auto const end = std::find_if_not(begin, all.end(), is_of);
  return {begin, end};
}

Part part_of(Settings& settings, Section section) {
  switch (section) {
    case Section::Top: return &settings;
    case Section::Lmtp: return &settings.lmtp;
    case Section::Control: return &settings.control;
    case Section::Postfix: return &settings.postfix;
    case Section::Dns: return &settings.dns;
    case Section::Smtp: return &settings.smtp;
    case Section::Log: return &settings.log;
    case Section::Metrics: return &settings.metrics;
    case Section::Domain:
    case Section::Site: break;
  }
  assert(false && "a section with a name has as many parts as names");
  return &settings;
}

std::vector<std::string> changed_without_restart(Settings const& old_settings, Settings const& new_settings) {
  Settings before = old_settings;
  Settings after = new_settings;
  std::vector<std::string> changed;
  for (auto const& option : options())
    if (option.restart && option.show(part_of(before, option.section)) != option.show(part_of(after, option.section)))
      changed.push_back(option.full_name());
  return changed;
}

}  // namespace mailpool

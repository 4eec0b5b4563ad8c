#include "core/config/options.h"

#include <cassert>

#include "core/config/options_imap.h"
#include "core/config/options_levels.h"
#include "core/config/options_login.h"
#include "core/config/options_rules.h"
#include "core/config/options_tls.h"
#include "core/config/table.h"

namespace mailpool {
namespace {

using namespace std::chrono_literals;
using value::duration;
using value::ListOf;
using value::number;
using value::OneOf;
using value::Whole;
using value::YesNo;

constexpr std::uint64_t KiB = 1ULL << 10U;
constexpr std::uint64_t GiB = 1ULL << 30U;
constexpr std::uint64_t TiB = 1ULL << 40U;

void add_top(Table& table) {
  using S = Settings;
  table.begin(Section::Top);
  table.add("hostname", &S::hostname, value::host_name_or_empty())
      .says("The name mailpoold gives itself in EHLO.")
      .note(
          "Left empty, it is the machine's fully qualified name. It should have an address record "
          "that leads to where mail is sent from: many servers check.")
      .for_example("\"mail.example.com\"");
  table.add("state_dir", &S::state_dir, value::path())
      .says("The directory for what must survive a restart.")
      .needs_restart();
  table.add("include", &S::include, ListOf{value::file_name(), 0, 16})
      .says("Further files, taken in as if they stood here; what stands here wins, key by key.")
      .note(
          "The files conf.d/*.toml beside this one are read in any case, in the order of their "
          "names: what stands in them wins, the last one over all. "
          "Beside this file, unless a path is given. Without this option providers.toml is taken "
          "in where it exists: what the large mailbox providers are known to allow. [] takes in "
          "nothing.");
  table.add("drain_timeout", &S::drain_timeout, duration(0s, 1h))
      .says("How long open transactions may take to finish when mailpoold is stopped.")
      .note(
          "What is not finished then is answered 451 and stays in the MTA's queue. Keep it below "
          "TimeoutStopSec of the service.");
}

void add_lmtp(Table& table) {
  using S = LmtpSettings;
  table.begin(Section::Lmtp);
  table.add("listen", &S::listen, ListOf{value::socket_path(), 1, 16})
      .says("The Unix sockets where the MTA hands mail over.")
      .note("Sockets passed by systemd are used instead of these.")
      .needs_restart();
  table.add("socket_mode", &S::socket_mode, value::file_mode())
      .says("The mode of these sockets: who may connect.")
      .needs_restart();
  table.add("socket_group", &S::socket_group, value::group_or_empty())
      .says("The group of these sockets.")
      .needs_restart();
  table.add("allow_users", &S::allow_users, value::users())
      .says("The users that may hand over mail; the kernel is asked on every connection.")
      .note(
          "Whoever may connect here can send mail to the world: name the MTA's user only. A name "
          "that does not exist is only a warning.");
  table.add("max_connections", &S::max_connections, number(1, 20000))
      .says("How many LMTP connections may be open at once; further ones wait, none is refused.")
      .note(
          "Keep it no smaller than the MTA's process limits for its transports together: `poolctl "
          "postfix enable` sets 500 for each of two.");
  table.add("max_message_size", &S::max_message_size, value::size(KiB, 2 * GiB))
      .says("The largest message taken, announced as SIZE; larger ones get 552 5.3.4.")
      .note("Keep it no smaller than the MTA's own limit (message_size_limit of Postfix).");
  table.add("spill_above", &S::spill_above, value::size(0, GiB))
      .says("A larger body goes to an unlinked temporary file instead of memory.")
      .note("At most memory_limit.");
  table.add("memory_limit", &S::memory_limit, value::size(64 * KiB, TiB))
      .says("What all bodies in memory may take together; a message beyond it gets 452 4.3.1.");
  table.add("max_wait", &S::max_wait, duration(0s, 5min))
      .says("The longest a transaction waits for a limit; then it gets 451 4.7.1.")
      .note(
          "It waits on in the MTA's queue. Longer keeps the MTA's delivery slots occupied, shorter "
          "makes it try more often. Time to connect does not count: each host and address is tried "
          "once before the transaction is deferred, within the five minutes that everything before "
          "the end of a message has.");
  table.add("dsn", &S::dsn, OneOf{std::array{DsnOffer::Auto, DsnOffer::Always, DsnOffer::Never}})
      .says(
          "Whether DSN (RFC 3461) is announced to the MTA, and so passed on: NOTIFY, ORCPT, RET, "
          "ENVID.")
      .note(
          "An MTA that is offered it leaves notices of success to us and to those behind. \"auto\" "
          "announces it on a socket while every server that mail from there has met in the last "
          "day offers it too: no notice is lost. \"always\" announces it everywhere: where a "
          "server lacks it, a sender who asked for a notice of success gets none. \"never\" "
          "leaves all notices to the MTA, and tells servers nothing.");
  table.add("slots", &S::slots, number(2, 100'000))
      .says("How many deliveries the MTA makes at once; at most half of these may wait in here.")
      .note(
          "What cannot begin soon is answered 451 at once and waits in the MTA's queue. The more "
          "sites wait, the less each may take of that half; a site where nothing waits always "
          "finds a place. Keep it no larger than the MTA's process limit for this transport "
          "(Postfix: `poolctl postfix enable` sets 500; Sendmail: the number of queue runners). It "
          "is "
          "not read from master.cf, since several instances may hand mail over here and a queue "
          "directory does not say where its configuration lies; `poolctl check` compares the two.");
  table.add("max_parked", &S::max_parked, number(0, 10'000'000))
      .says("How many messages that wait in the MTA's queue are remembered, to be woken in turn.")
      .note("About 100 octets each. Those beyond it come by the MTA's own clock.");
  table.add("trust_unsigned_tenant", &S::trust_unsigned_tenant, YesNo{})
      .says("Believe a header X-Mailpool-Tenant that no key vouches for.")
      .note(
          "Only where nobody outside can put that header into mail that passes here. It is removed "
          "before sending in any case. The same goes for the campaign.");
  table.add("campaign_header", &S::campaign_header, value::campaign_header())
      .says("The header that names a message's campaign where no seal does.")
      .note(
          "Believed as trust_unsigned_tenant says, and removed before sending in any case; "
          "X-Mailpool-Campaign is removed beside it. A campaign is 1 to 64 letters, digits, dots, "
          "hyphens and underscores, the first a letter or digit, without case.");
}

void add_control(Table& table) {
  using S = ControlSettings;
  table.begin(Section::Control);
  table.add("listen", &S::listen, value::socket_path())
      .says("The Unix socket that poolctl talks to.")
      .needs_restart();
  table.add("read_users", &S::read_users, value::users())
      .says("The users that may look: status, connections, explain.");
  table.add("write_users", &S::write_users, value::users())
      .says("The users that may also change something: suspend, resume, flush, drain, reload.");
}

void add_postfix(Table& table) {
  using S = PostfixSettings;
  table.begin(Section::Postfix);
  table.add("map", &S::map, value::path_or_empty())
      .says("The file that the Postfix table reads; d/ beside it holds the doors.")
      .note(
          "It lies in Postfix's queue directory. Without that directory there is no map, which is "
          "said once in the log.")
      .needs_restart();
  table.add("wake", &S::wake, YesNo{})
      .says("Have Postfix try a message that waits in its queue as soon as there is room for it.")
      .note(
          "By its service flush, as `postqueue -i` does; mailpoold needs the group postdrop for "
          "it. "
          "Without it such mail comes by Postfix's own clock, and limits are not used up.");
  table.add("queue_directory", &S::queue_directory, ListOf{value::path(), 0, 16})
      .says("Queue directories of the Postfix instances that hand mail over.")
      .note(
          "Left empty, each [lmtp] listen socket tells: QUEUE_DIRECTORY/mailpool/lmtp.sock. Name "
          "them where instances share a socket elsewhere; then each is asked.")
      .needs_restart();
  table.add("fallback", &S::fallback, OneOf{std::array{Fallback::Smtp, Fallback::Defer}})
      .says("What the Postfix table answers while mailpoold is away: deliver by smtp, or defer.")
      .note(
          "Choose \"defer\" where keeping the limits matters more than a delay. [site.NAME] can "
          "say "
          "otherwise for one site.");
  table.add("short_absence", &S::short_absence, duration(0ms, std::chrono::hours(12)))
      .says(
          "How long mail under a limit waits for mailpoold before it takes the fallback \"smtp\".")
      .note(
          "Longer than a restart, an upgrade or a crash takes, so that none of these breaks a "
          "limit. Under a limit are sites with a [site.NAME], domains with a rate, and all mail "
          "where [smtp], [total], a tenant or a sender domain has one. \"0s\" waits for nothing.");
  table.add("exclude_domains", &S::exclude_domains, ListOf{value::domain(), 0, 10000})
      .says("Domains that the Postfix table never routes into the pool.")
      .for_example("[\"intranet.example.com\"]");
}

void add_dns(Table& table) {
  using S = DnsSettings;
  table.begin(Section::Dns);
  table.add("servers", &S::servers, ListOf{value::dns_server(), 0, 16})
      .says("The DNS servers to ask; none: those of /etc/resolv.conf.")
      .for_example("[\"127.0.0.1:5353\"]");
  table.add("trust_anchor", &S::trust_anchor, value::path_or_empty())
      .says("The DNSSEC root key; \"\" turns validation off, and DANE with it.")
      .note(
          "Where the DNS servers strip signatures, mailpoold notices and turns validation off by "
          "itself, with a warning in status and check; \"\" says that this is known.");
  table.add("timeout", &S::timeout, duration(100ms, 1min))
      .says("How long an answer may take; then the recipient gets 451 4.4.3.");
}

void add_site_limits(Table& table) {
  using S = SiteSettings;
  table.begin(Section::Smtp);
  table.add("max_connections", &S::max_connections, number(1, 10000))
      .says("How many connections to a site may be open at once.")
      .note("Providers often publish theirs; more than they allow brings 421 replies.");
  table.add("max_connections_per_host", &S::max_connections_per_host, number(0, 10000))
      .says("How many connections to one address of one MX host may be open at once; 0: no limit.")
      .note("Domains of other sites that use the same address count too.");
  table.add("min_idle", &S::min_idle, number(0, 10000))
      .says("Connections kept open even without traffic, once the site has been used.")
      .note("At most max_connections. Worth its price only for sites with steady mail.");
  table.add("idle_timeout", &S::idle_timeout, duration(100ms, 1h))
      .says("An idle connection is closed after this time.")
      .note("Servers close idle connections themselves, mostly after 5 minutes; stay below.");
  table.add("max_lifetime", &S::max_lifetime, duration(1s, 24h))
      .says("No connection is used longer; each one's end is up to 10 % earlier, at random.");
  table.add("check_after", &S::check_after, duration(1s, 1h))
      .says(
          "A connection that was idle for longer is proved alive by RSET before it is used again.")
      .note("Firewalls forget idle connections silently; the proof costs one round trip.");
  table.add("max_messages", &S::max_messages, number(1, 1'000'000))
      .says("How many messages a connection carries before it is closed.")
      .note("A lower number announced or shown by the server wins.");
  table.add("connect_timeout", &S::connect_timeout, duration(100ms, 5min))
      .says("How long connecting to one address may take.")
      .note(
          "Addresses that are as good as each other are tried side by side after half a second, "
          "and the first that is connected is used (RFC 8305). A host that is connected but not "
          "ready after connect_timeout gets company by the next one. A host that failed last time "
          "is tried by one connection while mail goes to others.");
  table.add("rate", &S::rate, value::rate())
      .says("How many transactions may begin: one message to one domain, however many recipients.")
      .note(
          "Retries count. In no second, minute, hour or day, as the rate says, begin more than so "
          "many, and all of them may at once; what mail needs for its way is allowed for with a "
          "hundredth of the unit, at most 0.5 s. With a burst it is a token bucket: so many may "
          "pass at once after a pause, and then one after the other. What was used of a "
          "minute, an hour or a day outlives a restart and counts under a new rate too; poolctl "
          "resume forgets it.")
      .for_example("\"100/s\"");
  table.add("recipient_rate", &S::recipient_rate, value::rate())
      .says("How many recipients the transactions that begin may have together.")
      .note(
          "A transaction with more recipients than may pass at once waits until nothing is owed, "
          "and the next ones wait for all of its recipients.")
      .for_example("\"200/s\"");
  table.add("connect_rate", &S::connect_rate, value::rate())
      .says("How many connections may be opened.")
      .for_example("\"60/min\"");
  table.add("accept_rate", &S::accept_rate, value::rate())
      .says("How many recipients at a site mailpool-milter accepts; beyond it they get 451 4.7.1.")
      .note(
          "Nothing that is beyond it reaches the MTA's queue. Counted for domains whose site is "
          "known, when the MTA is asked to take a recipient, and never given back.")
      .for_example("\"5000/min\"");
  table.add("per", &S::per, OneOf{std::array{CountedPer::Path, CountedPer::Site}})
      .says("What the site's limits are counted for: each source by itself, or all together.")
      .note(
          "\"path\": max_connections, the rates, max_messages, what servers ask for (adaptive), "
          "what is learned, and which hosts failed, each for every source by itself, since most "
          "providers count by the address that connects. \"site\": over all sources, for a "
          "provider that knows them as one sender. Without sources it makes no difference.");
  table.add("site_max_connections", &S::site_max_connections, number(0, 10000))
      .says("How many connections to a site may be open from all sources together; 0: no limit.");
  table.add("site_rate", &S::site_rate, value::rate())
      .says("How many transactions may begin from all sources together.")
      .note("Beside rate, which is counted for each source by itself.")
      .for_example("\"1000/s\"");
  table.add("site_recipient_rate", &S::site_recipient_rate, value::rate())
      .says("How many recipients these may have together.")
      .for_example("\"2000/s\"");
  table.add("site_connect_rate", &S::site_connect_rate, value::rate())
      .says("How many connections may be opened from all sources together.")
      .for_example("\"600/min\"");
  table.add("adaptive", &S::adaptive, YesNo{})
      .says("Go down to half when servers ask for less, and up again step by step.")
      .note(
          "Rate and connections are halved by a throttling reply, once per flight of messages; the "
          "next flight that is throttled too brings them to a sixteenth. After a quiet minute they "
          "rise by a quarter every 8 seconds, never above what is configured.");
  table.add("max_waiting", &S::max_waiting, number(0, 100'000))
      .says("How many transactions may wait for a site; beyond it they get 451 at once.")
      .note("It keeps one slow site from taking all of the MTA's delivery slots.");
  table.add("max_recipients", &S::max_recipients, number(1, 10000))
      .says("How many recipients one transaction may have; more are split.")
      .note("RFC 5321 asks servers to take 100.");
}

void add_site_conversation(Table& table) {
  using S = SiteSettings;
  using Ip = IpPreference;
  table
      .add("ip", &S::ip, OneOf{std::array{Ip::Any, Ip::Only4, Ip::Only6, Ip::Prefer4, Ip::Prefer6}})
      .says("Which addresses of a host are used, or tried first.");
  using L = TlsLevel;
  table
      .add("tls", &S::tls,
           OneOf{std::array{L::None, L::May, L::Encrypt, L::Verify, L::Secure, L::Dane, L::DaneOnly,
                            L::Auto}})
      .says("What is required of TLS; the words mean what they mean to Postfix, and \"auto\".")
      .note(
          "\"none\": never; \"may\": where the server offers it, whoever it is; \"encrypt\": "
          "always; \"verify\": a trusted certificate with the MX host's name; \"secure\": one with "
          "a name of the domain; \"dane\": by TLSA records where there are some, else as \"may\"; "
          "\"dane-only\": never without TLSA records. \"auto\": as \"dane\", else by the "
          "domain's MTA-STS policy, else as \"may\". What a server cannot prove gets 451 4.7.5 and "
          "waits; further options are in [tls].");
  table.add("eight_bit", &S::eight_bit, OneOf{std::array{EightBit::Send, EightBit::Refuse}})
      .says("What to do with 8-bit mail where the server lacks 8BITMIME.")
      .note("Practically every server takes it; converting it would break DKIM signatures.");
  table.add("one_flight_within", &S::one_flight_within, duration(0s, 5min))
      .says("A connection that answered within this time gets a whole message in one round trip.")
      .note("Otherwise MAIL and RCPT go first and prove the connection. \"0s\" turns it off.");
  table.add("pipelining", &S::pipelining, YesNo{})
      .says("Use PIPELINING where it is offered.")
      .note("Turn it off for a server that mishandles it.");
  table.add("chunking", &S::chunking, YesNo{})
      .says("Use CHUNKING (BDAT) where it is offered: one round trip per message.")
      .note("Turn it off for a server that mishandles it.");
  table.add("port", &S::port, Whole<std::uint16_t>{1, 65535})
      .says("The port of hosts found by MX.");
  table.add("source", &S::source, value::source())
      .says("The name of a [source.NAME], or of a [pool.NAME] of sources: where mail is sent from.")
      .note("The source of the message's tenant wins, then that of its sender domain.")
      .for_example("\"west\"");
  table.add("prohibited", &S::prohibited, ListOf{value::network(), 0, 1000})
      .says("Networks never connected to when MX leads there; the machine's own addresses neither.")
      .note(
          "Hosts named in [route] are exempt. Add \"10.0.0.0/8\" and the like where nobody outside "
          "should make mailpoold connect into the private network. Unspecified and multicast "
          "addresses are nobody's, whatever stands here.");
}

void add_site_timeouts(Table& table) {
  using S = SiteSettings;
  auto const reply = duration(100ms, 10min);
  table.add("greeting_timeout", &S::greeting_timeout, reply)
      .says("How long the greeting may take.")
      .note(
          "Where there is another host, that one is tried after connect_timeout. "
          "This and the following timeouts are those of RFC 5321 4.5.3.2. Shorter ones free "
          "connections earlier; too short ones fail on servers that delay on purpose.");
  table.add("ehlo_timeout", &S::ehlo_timeout, reply)
      .says(
          "How long the reply to EHLO may take. Under TLS, where nothing was heard before it, as "
          "starttls_timeout.");
  table.add("starttls_timeout", &S::starttls_timeout, reply)
      .says(
          "How long STARTTLS and the handshake may take. Beyond it the host counts as unreachable; "
          "only the second time in a row do tls = \"may\" and \"auto\" go on in plain text.");
  table.add("auth_timeout", &S::auth_timeout, reply)
      .says("How long each reply to AUTH may take, where a login is used.");
  table.add("mail_timeout", &S::mail_timeout, reply).says("How long the reply to MAIL may take.");
  table.add("rcpt_timeout", &S::rcpt_timeout, reply).says("How long the reply to RCPT may take.");
  table.add("data_timeout", &S::data_timeout, reply).says("How long the reply to DATA may take.");
  table.add("body_timeout", &S::body_timeout, reply)
      .says("How long sending may stand still within a body.");
  table.add("end_of_data_timeout", &S::end_of_data_timeout, duration(100ms, 20min))
      .says("How long the final reply may take.")
      .note(
          "A message given up here may have been delivered and will be sent again: do not shorten "
          "it. The MTA must wait longer still (lmtp_data_done_timeout of Postfix: 1800s).");
}

void add_site(Table& table) {
  using S = NamedSite;
  table.begin(Section::Site);
  table.add("mx", &S::mx, ListOf{value::mx_suffix(), 0, 1000})
      .says("Ends of host names: a domain whose MX hosts all end so belongs to this site.")
      .note(
          "One with a host of another name is a site of its own: what that host says is not held "
          "against the others.")
      .for_example("[\".google.com\", \".googlemail.com\"]");
  table.add("domains", &S::domains, ListOf{value::domain(), 0, 10000})
      .says("Domains known to belong to this site without a DNS answer.")
      .for_example("[\"gmail.com\", \"googlemail.com\"]");
  table.add("fallback", &SiteSettings::fallback, OneOf{std::array{Fallback::Smtp, Fallback::Defer}})
      .says("As in [postfix], for this site alone.");
}

void add_log_and_metrics(Table& table) {
  table.begin(Section::Log);
  table.add("to", &LogSettings::to, value::log_target())
      .says("Where log lines go: syslog (facility mail), the journal, standard error, or a file.")
      .note("A file is opened again on SIGHUP, so that it can be rotated.");
  table
      .add("level", &LogSettings::level,
           OneOf{std::array{LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error}})
      .says("The least important lines that are written.")
      .note(
          "\"info\" has a line for each recipient and each connection; \"debug\" adds the "
          "conversations; \"warning\" and \"error\" leave out what became of each recipient.");
  table.begin(Section::Metrics);
  table.add("listen", &MetricsSettings::listen, value::listen_address_or_empty())
      .says("Where Prometheus finds figures as text, at /metrics; \"\": nowhere.")
      .note(
          "Anyone who can connect can read them: names of sites, no addresses of people. A Unix "
          "socket "
          "has mode 0660 and is mailpoold's user's and group's. OpenMetrics where the scraper "
          "accepts "
          "it. mailpool-metrics(7) has every figure.")
      .for_example("\"127.0.0.1:9779\"");
  table.add("sites", &MetricsSettings::sites, value::number(1, 500))
      .says("How many sites have figures of their own; all others are counted as \"other\".")
      .note(
          "Sites of the configuration come first, then others as they are seen. Each is some 100 "
          "series for Prometheus, and 4 more for each source. With fewer than before, those that "
          "have figures keep them until a restart.");
}

std::vector<Option> whole_table() {
  std::vector<Option> options;
  Table table(options);
  add_top(table);
  add_lmtp(table);
  add_control(table);
  add_postfix(table);
  add_dns(table);
  add_site_limits(table);
  add_site_conversation(table);
  add_site_timeouts(table);
  add_tls(table);
  add_mta_sts(table);
  add_total(table);
  add_domain(table);
  add_domain_tls(table);
  add_site(table);
  add_site_tls(table);
  add_sources(table);
  add_senders(table);
  add_login(table);
  add_imap(table);
  add_milter(table);
  add_rules(table);
  add_log_and_metrics(table);
  add_events(table);
  return options;
}

}  // namespace

std::string_view name_of(Section section) {
  switch (section) {
    case Section::Top:
      return "";
    case Section::Lmtp:
      return "lmtp";
    case Section::Control:
      return "control";
    case Section::Postfix:
      return "postfix";
    case Section::Dns:
      return "dns";
    case Section::Smtp:
      return "smtp";
    case Section::Domain:
      return "domain";
    case Section::Site:
      return "site";
    case Section::Tls:
      return "tls";
    case Section::MtaSts:
      return "mta_sts";
    case Section::Total:
      return "total";
    case Section::Source:
      return "source";
    case Section::Pool:
      return "pool";
    case Section::SenderDomain:
      return "sender_domain";
    case Section::Tenant:
      return "tenant";
    case Section::Login:
      return "login";
    case Section::Imap:
    case Section::ImapAccount:
      return "imap";
    case Section::ImapDynamic:
      return "imap_dynamic";
    case Section::Milter:
      return "milter";
    case Section::Rule:
      return "rule";
    case Section::Log:
      return "log";
    case Section::Metrics:
      return "metrics";
    case Section::Events:
      return "events";
  }
  return "";
}

std::string_view name_in_title(Section section) {
  switch (section) {
    case Section::Domain:
    case Section::SenderDomain:
      return "\"NAME\"";
    case Section::Site:
    case Section::Source:
    case Section::Pool:
    case Section::Tenant:
    case Section::Login:
    case Section::Imap:
      return "NAME";
    case Section::ImapAccount:
      return "NAME.account";
    default:
      return "";
  }
}

std::string Option::full_name() const {
  if (section == Section::Top) return key;
  if (section == Section::Rule) return "[[rule]] " + key;
  auto const name = name_in_title(section);
  return fmt::format("[{}{}{}] {}", name_of(section), name.empty() ? "" : ".", name, key);
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
    case Section::Top:
      return &settings;
    case Section::Lmtp:
      return &settings.lmtp;
    case Section::Control:
      return &settings.control;
    case Section::Postfix:
      return &settings.postfix;
    case Section::Dns:
      return &settings.dns;
    case Section::Smtp:
      return &settings.smtp;
    case Section::ImapDynamic:
      return &settings.imap_dynamic;
    case Section::Milter:
      return &settings.milter;
    case Section::Log:
      return &settings.log;
    case Section::Metrics:
      return &settings.metrics;
    case Section::Events:
      return &settings.events;
    case Section::Tls:
      return &settings.smtp.tls_settings;
    case Section::MtaSts:
      return &settings.mta_sts;
    case Section::Total:
      return &settings.total;
    case Section::Domain:
    case Section::Site:
    case Section::Source:
    case Section::Pool:
    case Section::SenderDomain:
    case Section::Tenant:
    case Section::Login:
    case Section::Imap:
    case Section::ImapAccount:
    case Section::Rule:
      break;
  }
  assert(false && "a section with a name has as many parts as names");
  return &settings;
}

std::vector<std::string> changed_without_restart(Settings const& old_settings,
                                                 Settings const& new_settings) {
  Settings before = old_settings;
  Settings after = new_settings;
  std::vector<std::string> changed;
  for (auto const& option : options())
    if (option.restart &&
        option.show(part_of(before, option.section)) != option.show(part_of(after, option.section)))
      changed.push_back(option.full_name());
  return changed;
}

}  // namespace mailpool

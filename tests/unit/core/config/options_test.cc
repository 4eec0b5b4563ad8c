#include "core/config/options.h"

#include <boost/test/unit_test.hpp>

#include <set>

#include "core/config/load.h"

using namespace mailpool;

namespace {

// Values as TOML at the edge of what an option takes: the last good ones, and the first bad ones
// beyond.
struct Edges {
  Section section;
  std::string key;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

Edges number(Section section, std::string key, std::string min, std::string below, std::string max,
             std::string above) {
  return {section, std::move(key), {min, max}, {below, above, "\"5\"", "5.0", "true", "-1", "[5]"}};
}
Edges duration(Section section, std::string key, std::string min, std::string max,
               std::vector<std::string> beyond) {
  beyond.insert(beyond.end(), {"5", "\"\"", "\"5\""});
  return {section, std::move(key), {min, max}, std::move(beyond)};
}

std::string repeated(std::string const& item, std::size_t times) {
  std::string list = "[";
  for (std::size_t i = 0; i < times; ++i) list += (i == 0 ? "" : ", ") + item;
  return list + "]";
}

std::vector<Edges> all_edges() {
  auto const reply = [](char const* key) {
    return duration(Section::Smtp, key, "'100ms'", "'10m'", {"'99ms'", "'601s'"});
  };
  std::string const longest_path = "'/" + std::string(106, 'x') + "'";
  std::string const too_long_path = "'/" + std::string(107, 'x') + "'";
  std::vector<std::string> const bad_users{"['']",
                                           "['a b']",
                                           "['a:b']",
                                           "[1]",
                                           "'root'",
                                           repeated("'u'", 65),
                                           "['4294967295']",
                                           "['4294967296']",
                                           "['18446744073709551616']"};
  std::vector<std::string> const good_headers{"'X-Mailpool-Campaign'", "'x-job'"};
  std::vector<std::string> const bad_headers{
      "''", "'X-a b'", "'X-a:'", "5", "'Subject'", "'X-Mailpool-Tenant'", "'x-mailpool-seal'"};
  std::vector<std::string> const good_users{"[]", "['root']", "['0']", "['4294967294']",
                                            repeated("'u'", 64)};
  std::vector<std::string> const bad_rates{"'100'", "'0/s'", "100", "'1000000001/s'", "'fast'"};
  std::vector<std::string> const good_rates{"''", "'1/d'", "'1000000000/s, burst 1000000000'"};
  return {
      {Section::Top,
       "hostname",
       {"''", "'mail.example.com'", "'[192.0.2.1]'"},
       {"'a b'", "'-'", "'a..b'", "1", "'a\"b'"}},
      {Section::Top, "state_dir", {"'/'", "'/var/lib/x'"}, {"''", "'var'", "\"/a\\nb\"", "true"}},
      duration(Section::Top, "drain_timeout", "'0s'", "'1h'", {"'3601s'"}),
      {Section::Lmtp,
       "listen",
       {"[" + longest_path + "]", repeated("'/a'", 16)},
       {"[]", "'/a'", "['a']", "[" + too_long_path + "]", repeated("'/a'", 17),
        "['127.0.0.1:24']"}},
      {Section::Lmtp,
       "socket_mode",
       {"'0000'", "'0777'", "'660'"},
       {"'0778'", "'1777'", "660", "0o660", "''"}},
      {Section::Lmtp, "socket_group", {"''", "'postfix'"}, {"'a b'", "5"}},
      {Section::Lmtp, "allow_users", good_users, bad_users},
      number(Section::Lmtp, "max_connections", "1", "0", "20000", "20001"),
      {Section::Lmtp,
       "max_message_size",
       {"'1KiB'", "'2GiB'"},
       {"'1023B'", "'2049MiB'", "50", "'50MB'"}},
      {Section::Lmtp, "spill_above", {"'0B'", "'512MiB'"}, {"'1025MiB'", "0", "'513MiB'"}},
      {Section::Lmtp, "memory_limit", {"'1MiB'", "'1TiB'"}, {"'63KiB'", "'1025GiB'", "'1023KiB'"}},
      duration(Section::Lmtp, "max_wait", "'0s'", "'5m'", {"'301s'", "'300001ms'"}),
      {Section::Lmtp, "dsn", {"'auto'", "'always'", "'never'"}, {"true", "''", "'Auto'"}},
      number(Section::Lmtp, "slots", "2", "1", "100000", "100001"),
      number(Section::Lmtp, "max_parked", "0", "-1", "10000000", "10000001"),
      {Section::Lmtp, "trust_unsigned_tenant", {"true", "false"}, {"'yes'", "1"}},
      {Section::Lmtp, "campaign_header", good_headers, bad_headers},
      {Section::Control, "listen", {"'/a'"}, {"''", "'a'", too_long_path}},
      {Section::Control, "read_users", good_users, bad_users},
      {Section::Control, "write_users", good_users, bad_users},
      {Section::Postfix, "map", {"''", "'/a'"}, {"'a'", "1"}},
      {Section::Postfix, "wake", {"true", "false"}, {"'yes'", "1"}},
      {Section::Postfix,
       "queue_directory",
       {"[]", "['/var/spool/postfix']", "['/a', '/b']"},
       {"['a']", "['']", "'/a'", repeated("'/a'", 17)}},
      {Section::Postfix, "short_absence", {"'0s'", "'5m'", "'12h'"}, {"'13h'", "'-1s'", "5", "''"}},
      {Section::Postfix, "fallback", {"'smtp'", "'defer'"}, {"''", "'Smtp'", "'relay'", "true"}},
      {Section::Postfix,
       "exclude_domains",
       {"[]", "['example.org']"},
       {"['a..b']", "['.a.example']", "['*']", "'a'"}},
      {Section::Dns,
       "servers",
       {"[]", "['127.0.0.1']", "['[::1]:5353', '192.0.2.1:53']"},
       {"['localhost']", "['127.0.0.1:0']", "['']", "'127.0.0.1'", repeated("'::1'", 17)}},
      {Section::Dns, "trust_anchor", {"''", "'/a'"}, {"'a'", "false"}},
      duration(Section::Dns, "timeout", "'100ms'", "'1m'", {"'99ms'", "'61s'"}),
      number(Section::Smtp, "max_connections", "1", "0", "10000", "10001"),
      number(Section::Smtp, "max_connections_per_host", "0", "-1", "10000", "10001"),
      number(Section::Smtp, "min_idle", "0", "-1", "10", "11"),
      duration(Section::Smtp, "idle_timeout", "'100ms'", "'1h'", {"'99ms'", "'3601s'"}),
      duration(Section::Smtp, "max_lifetime", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(Section::Smtp, "check_after", "'1s'", "'1h'", {"'999ms'", "'3601s'"}),
      number(Section::Smtp, "max_messages", "1", "0", "1000000", "1000001"),
      duration(Section::Smtp, "connect_timeout", "'100ms'", "'5m'", {"'99ms'", "'301s'"}),
      {Section::Smtp, "rate", good_rates, bad_rates},
      {Section::Smtp, "recipient_rate", good_rates, bad_rates},
      {Section::Smtp, "connect_rate", good_rates, bad_rates},
      {Section::Smtp, "accept_rate", good_rates, bad_rates},
      {Section::Smtp, "per", {"'path'", "'site'"}, {"'source'", "''"}},
      number(Section::Smtp, "site_max_connections", "0", "-1", "10000", "10001"),
      {Section::Smtp, "site_rate", good_rates, bad_rates},
      {Section::Smtp, "site_recipient_rate", good_rates, bad_rates},
      {Section::Smtp, "site_connect_rate", good_rates, bad_rates},
      {Section::Pool, "spill", {"true", "false"}, {"'yes'", "1"}},
      number(Section::Smtp, "max_waiting", "0", "-1", "100000", "100001"),
      number(Section::Smtp, "max_recipients", "1", "0", "10000", "10001"),
      {Section::Smtp,
       "ip",
       {"'any'", "'4'", "'6'", "'prefer4'", "'prefer6'"},
       {"4", "'5'", "''", "'ANY'"}},
      {Section::Smtp,
       "tls",
       {"'none'", "'may'", "'encrypt'", "'verify'", "'secure'", "'dane'", "'dane-only'", "'auto'"},
       {"'must'", "''", "false"}},
      {Section::Smtp, "eight_bit", {"'send'", "'refuse'"}, {"'convert'", "true"}},
      duration(Section::Smtp, "one_flight_within", "'0s'", "'5m'", {"'301s'"}),
      {Section::Smtp, "pipelining", {"true", "false"}, {"'yes'", "1", "'true'"}},
      {Section::Smtp, "chunking", {"true", "false"}, {"'no'", "0"}},
      number(Section::Smtp, "port", "1", "0", "65535", "65536"),
      {Section::Smtp, "source", {"''"}, {"'west'", "'West'", "1"}},
      {Section::Smtp,
       "prohibited",
       {"[]", "['10.0.0.0/8', 'fc00::/7', '192.0.2.1']"},
       {"['10.0.0.0/33']", "['::/129']", "['10.0.0']", "['']", "'10.0.0.0/8'"}},
      reply("greeting_timeout"),
      reply("ehlo_timeout"),
      reply("starttls_timeout"),
      reply("auth_timeout"),
      reply("mail_timeout"),
      reply("rcpt_timeout"),
      reply("data_timeout"),
      reply("body_timeout"),
      duration(Section::Smtp, "end_of_data_timeout", "'100ms'", "'20m'", {"'99ms'", "'1201s'"}),
      number(Section::Total, "max_connections", "1", "0", "100000", "100001"),
      {Section::Total, "rate", good_rates, bad_rates},
      {Section::Total, "recipient_rate", good_rates, bad_rates},
      {Section::Total, "connect_rate", good_rates, bad_rates},
      number(Section::Domain, "max_connections", "1", "0", "100000", "100001"),
      {Section::Domain, "rate", good_rates, bad_rates},
      {Section::Domain, "recipient_rate", good_rates, bad_rates},
      number(Section::Domain, "max_recipients", "1", "0", "10000", "10001"),
      {Section::Source,
       "address",
       {"'192.0.2.1'", "'2001:db8::1'", "[]", "['192.0.2.1']", "['192.0.2.1', '2001:db8::1']"},
       {"''", "'localhost'", "'192.0.2.1:25'", "['192.0.2.1', '192.0.2.2']", "['x']", "1",
        "['192.0.2.1', '2001:db8::1', '192.0.2.2']"}},
      {Section::Source, "ehlo_name", {"''", "'out1.example.com'"}, {"'a b'", "1"}},
      number(Section::Source, "max_connections", "1", "0", "100000", "100001"),
      {Section::Source, "rate", good_rates, bad_rates},
      {Section::Source, "recipient_rate", good_rates, bad_rates},
      {Section::Source, "connect_rate", good_rates, bad_rates},
      {Section::Source,
       "warm_up",
       {"{ start = '2026-12-01', plan = [0, 1000000000] }",
        "{ start = '2028-02-29', plan = " + repeated("1", 366) + " }"},
       {"{}", "{ start = 2026-12-01, plan = [1] }", "{ start = '2026-12-01' }", "{ plan = [50] }",
        "{ start = '2026-12-01', plan = [] }", "{ start = '2027-02-29', plan = [5] }",
        "{ start = '1.12.2026', plan = [5] }", "{ start = '2026-12-01', plan = [-1] }",
        "{ start = '2026-12-01', plan = [1000000001] }",
        "{ start = '2026-12-01', plan = [5], step = 2 }", "50",
        "{ start = '2026-12-01', plan = " + repeated("1", 367) + " }"}},
      number(Section::Source, "warm_up_hold_above", "0", "-1", "100", "101"),
      {Section::Pool,
       "sources",
       {"{ known = 1 }", "{ known = 1000 }"},
       {"{}", "{ known = 0 }", "{ known = 1001 }", "{ unknown = 1 }", "['known']", "'known'"}},
      number(Section::SenderDomain, "max_connections", "1", "0", "100000", "100001"),
      {Section::SenderDomain, "rate", good_rates, bad_rates},
      {Section::SenderDomain, "recipient_rate", good_rates, bad_rates},
      number(Section::SenderDomain, "max_recipients", "1", "0", "10000", "10001"),
      {Section::SenderDomain, "source", {"''"}, {"'west'", "1"}},
      {Section::SenderDomain, "login", {"''"}, {"'nobody'", "'a b'", "1"}},
      {Section::Tenant,
       "sender_domains",
       {"[]", "['a.example', 'b.example']"},
       {"['a.example', 'A.example']", "['*']", "'a.example'"}},
      number(Section::Tenant, "priority", "1", "0", "100", "101"),
      number(Section::Tenant, "max_connections", "1", "0", "100000", "100001"),
      {Section::Tenant, "rate", good_rates, bad_rates},
      {Section::Tenant, "recipient_rate", good_rates, bad_rates},
      number(Section::Tenant, "max_recipients", "1", "0", "10000", "10001"),
      {Section::Tenant, "source", {"''"}, {"'west'", "1"}},
      {Section::Domain, "accept_rate", good_rates, bad_rates},
      {Section::Tenant, "accept_rate", good_rates, bad_rates},
      {Section::Tenant, "logins", {"[]", "['a', 'a@b.example']"}, {"['']", "'a'", "[1]"}},
      {Section::Tenant, "clients", {"[]", "['192.0.2.0/24']"}, {"['x']", "'::1'"}},
      {Section::Top,
       "include",
       {"[]", "['providers.toml', '/etc/x.toml']"},
       {"['']", "'providers.toml'", "['a/']", repeated("'a'", 17)}},
      {Section::Smtp, "adaptive", {"true", "false"}, {"'yes'", "1"}},
      {Section::Rule, "site", {"'one'", "'*'"}, {"'two'", "'One'", "1", "''"}},
      {Section::Rule, "domain", {"'b.example'"}, {"'.b.example'", "'*'", "''", "1"}},
      {Section::Rule,
       "reply",
       {"'^421'", "'" + std::string(1000, 'x') + "'"},
       {"''", "'" + std::string(1001, 'x') + "'", "421"}},
      {Section::Rule,
       "at",
       {"'connect'", "'ehlo'", "'mail'", "'rcpt'", "'data'", "'end'"},
       {"''", "'idle'", "'Mail'", "'eod'", "['mail']"}},
      {Section::Rule,
       "after",
       {"''", "'1/s'", "'3/h'", "'1000/d'"},
       {"'1001/d'", "'0/h'", "'3'", "3", "'3/h, burst 2'"}},
      {Section::Rule,
       "do",
       {"'suspend'", "'back_off'"},
       {"''", "'set'", "'stop'", "'Suspend'", "true"}},
      duration(Section::Rule, "for", "'1s'", "'7d'", {"'999ms'", "'604801s'"}),
      {Section::Rule,
       "set",
       {"{ rate = '1/d' }", "{ max_connections = 1, max_messages = 1000000 }"},
       {"{}", "{ rate = 'x' }", "{ max_connections = 0 }", "{ max_messages = 0 }",
        "{ max_waiting = 1 }", "'10/min'"}},
      {Section::Rule,
       "scope",
       {"'path'", "'site'", "'sender_domain'", "'source'", "'tenant'", "'campaign'"},
       {"''", "'domain'"}},
      {Section::Rule,
       "reason",
       {"''", "'" + std::string(200, 'x') + "'"},
       {"'" + std::string(201, 'x') + "'", "\"a\\nb\"", "1"}},
      {Section::Site,
       "mx",
       {"['.a.example']"},
       {"['a.example']", "['.']", "['']", "['.[192.0.2.1]']", "'.a.example'"}},
      {Section::Site,
       "domains",
       {"['b.example']"},
       {"['.b.example']", "['*']", "['b..example']", "'b.example'"}},
      {Section::Site, "fallback", {"'smtp'", "'defer'"}, {"'no'"}},
      {Section::Milter, "listen", {"''", longest_path}, {too_long_path, "'a'", "1"}},
      {Section::Milter, "key_file", {"''", "'/a'"}, {"'a'", "1"}},
      {Section::Milter, "allow_users", good_users, bad_users},
      {Section::Milter,
       "tenant_from",
       {"[]", "['client', 'login', 'header:X']"},
       {"['header:']", "['header:a b']", "['header:a:b']", "['Login']", "'login'",
        repeated("'login'", 17)}},
      {Section::Milter, "campaign_header", good_headers, bad_headers},
      {Section::Milter, "header_clients", {"[]", "['192.0.2.0/24']"}, {"['x']", "'::1'"}},
      {Section::Milter, "mailers", {"[]", "['mailpool', 'smtp-a']"}, {"['']", "['a:b']", "'a'"}},
      {Section::Milter, "on_suspended", {"'accept'", "'tempfail'"}, {"'reject'", "''", "true"}},
      {Section::Milter, "on_manager_down", {"'accept'", "'tempfail'"}, {"'reject'", "1"}},
      duration(Section::Milter, "deadline", "'1ms'", "'1s'", {"'0s'", "'1001ms'"}),
      duration(Section::Milter, "cache", "'0s'", "'1m'", {"'61s'"}),
      {Section::Log,
       "to",
       {"'syslog'", "'journal'", "'stderr'", "'/var/log/a'"},
       {"''", "'stdout'", "'log/a'", "'Syslog'"}},
      {Section::Log,
       "level",
       {"'debug'", "'info'", "'warning'", "'error'"},
       {"'warn'", "'notice'", "1"}},
      {Section::Metrics,
       "listen",
       {"''", "'127.0.0.1:9779'", "'[::1]:1'", "'/run/mailpool/metrics.sock'"},
       {"'localhost:9779'", "'9779'", "':9779'", "'127.0.0.1'", "'127.0.0.1:65536'"}},
      number(Section::Metrics, "sites", "1", "0", "500", "501"),
      {Section::Events, "file", {"''", "'/var/log/a.jsonl'"}, {"'a.jsonl'", "1"}},
      {Section::Events, "socket", {"''", longest_path}, {too_long_path, "'a'", "1"}},
      {Section::Events, "journal", {"true", "false"}, {"'yes'", "1"}},
      {Section::Events, "addresses", {"'full'", "'domain'"}, {"'none'", "''", "true"}},
      {Section::Events, "hash_key_file", {"''", "'/a'"}, {"'a'", "1"}},
  };
}

// Those of [imap.NAME], [imap.NAME.account] and [imap_dynamic].
std::vector<Edges> imap_edges() {
  auto const I = Section::Imap;
  std::string const long_path = "'/" + std::string(107, 'x') + "'";
  std::vector<std::string> const bad_users{"['']", "['a b']", "[1]", "'root'"};
  std::vector<std::string> const paths{"['/a']", "['/a', '/b']"};
  std::vector<std::string> const bad_paths{"'/a'", "['a']", "[" + long_path + "]"};
  return {
      {I,
       "server",
       {"['a.example:993']", "['[::1]:143', '127.0.0.1:1']"},
       {"[]", "['a.example']", "'a.example:993'"}},
      {I, "tls", {"'implicit'", "'starttls'", "'none'"}, {"'may'", "true"}},
      {I, "tls_verify", {"true", "false"}, {"'yes'", "1"}},
      {I, "tls_ca_file", {"''", "'/a.pem'"}, {"'a.pem'", "1"}},
      {I,
       "listen",
       {"['/a']", "['127.0.0.1:1143']", "['[::1]:1143']"},
       {"['a']", "['192.0.2.1:143']", "['0.0.0.0:143']", "['localhost:143']", "['127.0.0.1']",
        "[" + long_path + "]"}},
      {I, "socket_mode", {"'0600'"}, {"'0999'", "600"}},
      {I, "socket_group", {"''", "'mail'"}, {"'a b'"}},
      {I, "allow_users", {"[]", "['root', '1000']"}, bad_users},
      {I, "tls_certificate_file", {"''", "'/a.pem'"}, {"'a.pem'", "1"}},
      {I, "tls_key_file", {"''", "'/a.key'"}, {"'a.key'", "1"}},
      {I, "enable", {"'discard'", "'refuse'"}, {"'keep'", "true"}},
      number(I, "max_clients", "1", "0", "20000", "20001"),
      duration(I, "client_timeout", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      number(I, "pool_size", "1", "0", "1000", "1001"),
      number(I, "max_connections", "1", "0", "10000", "10001"),
      {I, "unauthenticate", {"true", "false"}, {"'yes'", "1"}},
      number(I, "min_idle", "0", "-1", "8", "9"),
      number(I, "max_waiting", "0", "-1", "20000", "20001"),
      number(I, "max_uses", "0", "-1", "1000000", "1000001"),
      duration(I, "checkout_timeout", "'100ms'", "'5m'", {"'99ms'", "'301s'"}),
      duration(I, "connect_timeout", "'100ms'", "'5m'", {"'99ms'", "'301s'"}),
      duration(I, "login_timeout", "'1s'", "'10m'", {"'999ms'", "'601s'"}),
      duration(I, "idle_timeout", "'100ms'", "'1d'", {"'99ms'", "'25h'"}),
      duration(I, "max_lifetime", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(I, "keepalive", "'1s'", "'29m'", {"'999ms'", "'1741s'"}),
      duration(I, "check_after", "'0s'", "'1h'", {"'3601s'"}),
      duration(I, "check_timeout", "'10ms'", "'1m'", {"'9ms'", "'61s'"}),
      duration(I, "answer_timeout", "'100ms'", "'1d'", {"'99ms'", "'25h'"}),
      duration(I, "max_loan_time", "'0s'", "'1d'", {"'25h'"}),
      duration(I, "reauth_interval", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(I, "reset_timeout", "'10ms'", "'5m'", {"'9ms'", "'301s'"}),
      {I, "reset_max_bytes", {"'1KiB'", "'1GiB'"}, {"'1023B'", "'1025MiB'", "5"}},
      {Section::ImapAccount, "user", {"'u'"}, {"''", "\"a\\nb\"", "1"}},
      {Section::ImapAccount, "password_file", {"'/p'"}, {"''", "'p'"}},
      {Section::ImapAccount, "token_file", {"'/p'"}, {"''", "'p'"}},
      {Section::ImapAccount, "token_command", {"['/p']", "['/p', 'a']"}, {"'/p'", "['p']", "['']"}},
      {Section::ImapAccount, "external", {"true"}, {"'yes'", "1"}},
      duration(Section::ImapAccount, "refresh", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(Section::ImapAccount, "command_timeout", "'1s'", "'5m'", {"'999ms'", "'301s'"}),
      {Section::ImapAccount, "listen", paths, bad_paths},
      {Section::ImapAccount, "allow_users", {"[]", "['root']"}, bad_users},
      {Section::ImapDynamic, "listen", paths, bad_paths},
      {Section::ImapDynamic, "socket_mode", {"'0600'"}, {"'0999'"}},
      {Section::ImapDynamic, "socket_group", {"''", "'mail'"}, {"'a b'"}},
      {Section::ImapDynamic, "allow_users", {"[]", "['root']"}, bad_users},
      {Section::ImapDynamic,
       "servers",
       {"['a.example:993', '*.b.example:993']"},
       {"['*:993']", "['a.example']", "'a.example:993'"}},
      number(Section::ImapDynamic, "max_profiles", "1", "0", "10000", "10001"),
      {Section::ImapDynamic, "tls_verify", {"true", "false"}, {"'yes'", "1"}},
      {Section::ImapDynamic, "tls_ca_file", {"''", "'/a.pem'"}, {"'a.pem'", "1"}},
      {Section::ImapDynamic, "enable", {"'discard'", "'refuse'"}, {"'keep'", "true"}},
      number(Section::ImapDynamic, "max_clients", "1", "0", "20000", "20001"),
      duration(Section::ImapDynamic, "client_timeout", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      number(Section::ImapDynamic, "pool_size", "1", "0", "1000", "1001"),
      number(Section::ImapDynamic, "max_connections", "1", "0", "10000", "10001"),
      {Section::ImapDynamic, "unauthenticate", {"true", "false"}, {"'yes'", "1"}},
      number(Section::ImapDynamic, "min_idle", "0", "-1", "1000", "1001"),
      number(Section::ImapDynamic, "max_waiting", "0", "-1", "20000", "20001"),
      number(Section::ImapDynamic, "max_uses", "0", "-1", "1000000", "1000001"),
      duration(Section::ImapDynamic, "checkout_timeout", "'100ms'", "'5m'", {"'99ms'", "'301s'"}),
      duration(Section::ImapDynamic, "connect_timeout", "'100ms'", "'5m'", {"'99ms'", "'301s'"}),
      duration(Section::ImapDynamic, "login_timeout", "'1s'", "'10m'", {"'999ms'", "'601s'"}),
      duration(Section::ImapDynamic, "idle_timeout", "'100ms'", "'1d'", {"'99ms'", "'25h'"}),
      duration(Section::ImapDynamic, "max_lifetime", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(Section::ImapDynamic, "keepalive", "'1s'", "'29m'", {"'999ms'", "'1741s'"}),
      duration(Section::ImapDynamic, "check_after", "'0s'", "'1h'", {"'3601s'"}),
      duration(Section::ImapDynamic, "check_timeout", "'10ms'", "'1m'", {"'9ms'", "'61s'"}),
      duration(Section::ImapDynamic, "answer_timeout", "'100ms'", "'1d'", {"'99ms'", "'25h'"}),
      duration(Section::ImapDynamic, "max_loan_time", "'0s'", "'1d'", {"'25h'"}),
      duration(Section::ImapDynamic, "reauth_interval", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(Section::ImapDynamic, "reset_timeout", "'10ms'", "'5m'", {"'9ms'", "'301s'"}),
      {Section::ImapDynamic,
       "reset_max_bytes",
       {"'1KiB'", "'1GiB'"},
       {"'1023B'", "'1025MiB'", "5"}},
  };
}

// Those of [tls], [mta_sts], and what sites and domains say instead.
std::vector<Edges> tls_edges() {
  auto const T = Section::Tls;
  auto const S = Section::Site;
  std::vector<std::string> const paths{"''", "'/a'"};
  std::vector<std::string> const bad_paths{"'a'", "1"};
  std::vector<std::string> const versions{"'TLSv1.2'", "'TLSv1.3'"};
  std::vector<std::string> const bad_versions{"'TLSv1.1'", "'1.2'", "1.2"};
  std::vector<std::string> const lists{"''", "'HIGH:!aNULL'", "'DEFAULT:@SECLEVEL=0'"};
  std::vector<std::string> const bad_lists{"'a;b'", "\"a\\nb\"", "['HIGH']"};
  std::vector<std::string> const names{"'hostname'", "'nexthop'", "'none'", "'mx.example.com'"};
  std::vector<std::string> const bad_names{"''", "'[192.0.2.1]'", "'mx'", "1"};
  std::vector<std::string> const matches{
      "[]", "['hostname', 'nexthop', 'dot-nexthop', 'a.example', '.a.example']"};
  std::vector<std::string> const bad_matches{"['']", "['*.a.example']", "['a']", "'hostname'",
                                             repeated("'a.example'", 101)};
  return {
      {T, "ca_file", paths, bad_paths},
      {T, "ca_dir", paths, bad_paths},
      {T, "minimum_version", versions, bad_versions},
      {T, "ciphers", lists, bad_lists},
      {T, "ciphersuites", lists, bad_lists},
      {T, "certificate", paths, bad_paths},
      {T, "key", paths, bad_paths},
      {T, "sni", names, bad_names},
      {T, "match", matches, bad_matches},
      {T, "wrapper", {"true", "false"}, {"'yes'", "1"}},
      {T, "required_no", {"true", "false"}, {"'No'", "1"}},
      {T, "session_resumption", {"true", "false"}, {"'yes'", "1"}},
      {S, "tls_ca_file", paths, bad_paths},
      {S, "tls_ca_dir", paths, bad_paths},
      {S, "tls_minimum_version", versions, bad_versions},
      {S, "tls_ciphers", lists, bad_lists},
      {S, "tls_ciphersuites", lists, bad_lists},
      {S, "tls_certificate", paths, bad_paths},
      {S, "tls_key", paths, bad_paths},
      {S, "tls_sni", names, bad_names},
      {S, "tls_match", matches, bad_matches},
      {S, "tls_wrapper", {"true", "false"}, {"'yes'", "1"}},
      {S, "tls_required_no", {"true", "false"}, {"'No'", "1"}},
      {S, "tls_session_resumption", {"true", "false"}, {"'yes'", "1"}},
      {Section::Domain, "tls", {"'none'", "'auto'"}, {"'must'", "true"}},
      {Section::Domain, "tls_match", matches, bad_matches},
      {Section::MtaSts, "enabled", {"true", "false"}, {"'yes'", "1"}},
      duration(Section::MtaSts, "timeout", "'100ms'", "'1m'", {"'99ms'", "'61s'"}),
      {Section::MtaSts, "ca_file", paths, bad_paths},
      number(Section::MtaSts, "port", "1", "0", "65535", "65536"),
  };
}

std::vector<Edges> login_edges() {
  auto const L = Section::Login;
  std::vector<std::string> const files{"'/a'", "'name_of.a-credential'"};
  std::vector<std::string> const bad_files{"''", "'a/b'", "'.hidden'", "\"/a\\nb\"", "1"};
  return {
      {L, "user", {"'u'", "'relay@example.com'"}, {"''", "\"a\\nb\"", "1"}},
      {L, "password_file", files, bad_files},
      {L, "token_file", files, bad_files},
      {L, "token_command", {"['/bin/x']", "['/bin/x', '']"}, {"[]", "['x']", "'/bin/x'", "['']"}},
      duration(L, "refresh", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      duration(L, "command_timeout", "'1s'", "'5m'", {"'999ms'", "'301s'"}),
      duration(L, "retry_after", "'1s'", "'1d'", {"'999ms'", "'25h'"}),
      {L,
       "mechanisms",
       {"[]", "['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256']"},
       {"['plain']", "['XOAUTH2']", "['GSSAPI']", "'PLAIN'"}},
      {L, "allow_plaintext", {"true", "false"}, {"'yes'", "1"}},
  };
}

// A login that lacks nothing but this option.
std::string login_file_with(std::string const& key, std::string const& line) {
  std::string text = "[login.a]\n";
  if (key != "user") text += "user = 'x'\n";
  bool const is_secret = key == "password_file" || key == "token_file" || key == "token_command";
  if (!is_secret) text += "password_file = '/x'\n";
  return text + line;
}

// A profile that lacks nothing but this option.
std::string imap_file_with(Section section, std::string const& key, std::string const& line) {
  std::string text = "[imap.a]\n";
  auto const add = [&](char const* other, char const* rest) {
    if (section == Section::ImapAccount || key != other) text += std::string(other) + rest;
  };
  add("server", " = ['a.example:993']\n");
  add("listen", " = ['/own']\n");
  if (section == Section::Imap) return text + line;
  if (key == "external") text += "tls_certificate_file = '/c'\n";
  text += "[imap.a.account]\n";
  bool const is_secret =
      key == "token_file" || key == "token_command" || key == "external" || key == "password_file";
  for (auto const& [other, rest] : {std::pair("user", "'x'"), std::pair("password_file", "'/x'"),
                                    std::pair("listen", "['/x']")})
    if (key != other && !(is_secret && other == std::string_view("password_file")))
      text += std::string(other) + " = " + rest + "\n";
  return text + line;
}

// A good rule but for one line.
std::string rule_with(std::string const& key, std::string const& line) {
  std::string text = "[site.one]\nmx = ['.one.example']\n[[rule]]\n" + line;
  if (key != "site" && key != "domain") text += "site = 'one'\n";
  if (key != "reply") text += "reply = '^421'\n";
  if (key == "set") return text + "do = 'set'\n";
  return key == "do" ? text : text + "do = 'suspend'\n";
}

std::string file_with(Section section, std::string const& key, std::string const& value) {
  auto const line = key + " = " + value + "\n";
  if (section == Section::Top) return line;
  if (section == Section::Imap || section == Section::ImapAccount)
    return imap_file_with(section, key, line);
  if (section == Section::Rule) return rule_with(key, line);
  if (section == Section::Login) return login_file_with(key, line);
  if (section == Section::Pool)
    return "[source.known]\n[pool.one]\n" + line +
           (key == "sources" ? "" : "sources = { known = 1 }\n");
  if (name_in_title(section) == "\"NAME\"")
    return "[" + std::string(name_of(section)) + ".'example.org']\n" + line;
  if (section != Section::Site && !name_in_title(section).empty())
    return "[" + std::string(name_of(section)) + ".one]\n" + line;
  if (section == Section::Site)
    return "[site.one]\n" +
           std::string(key == "mx" || key == "domains" ? "" : "mx = ['.one.example']\n") + line;
  return "[" + std::string(name_of(section)) + "]\n" + line;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(options_table)

BOOST_AUTO_TEST_CASE(every_option_takes_its_edges_and_nothing_beyond) {
  std::set<std::pair<Section, std::string>> covered;
  auto table = all_edges();
  for (auto& edges : imap_edges()) table.push_back(std::move(edges));
  for (auto& edges : login_edges()) table.push_back(std::move(edges));
  for (auto& edges : tls_edges()) table.push_back(std::move(edges));
  for (auto const& edges : table) {
    covered.emplace(edges.section, edges.key);
    for (auto const& value : edges.good) {
      auto const loaded = load_settings(file_with(edges.section, edges.key, value), "f");
      BOOST_TEST(loaded.is_good(), edges.key
                                       << " = " << value << ": "
                                       << (loaded.is_good() ? "" : loaded.mistakes[0].to_line()));
    }
    for (auto const& value : edges.bad) {
      auto const mistakes = load_settings(file_with(edges.section, edges.key, value), "f").mistakes;
      BOOST_TEST(mistakes.size() >= 1U, edges.key << " = " << value << " was taken");
      for (auto const& mistake : mistakes) BOOST_TEST(mistake.line != 0U);
    }
  }
  for (auto const& option : options())
    BOOST_TEST(covered.count({option.section, option.key}) == 1U,
               option.full_name() << " has no edges in this test");
}

BOOST_AUTO_TEST_CASE(the_table_says_everything_an_operator_needs_and_nothing_twice) {
  std::set<std::string> names;
  for (auto const& option : options()) {
    BOOST_TEST(names.insert(option.full_name()).second, option.full_name() << " stands twice");
    BOOST_TEST(option.sentence.size() > 20U, option.full_name());
    BOOST_TEST(option.sentence.back() == '.', option.full_name());
    BOOST_TEST(!option.value.empty(), option.full_name());
    if (!option.more.empty()) BOOST_TEST(option.more.back() == '.', option.full_name());
  }
}

BOOST_AUTO_TEST_CASE(each_section_stands_together) {
  std::size_t sum = 0;
  for (auto section :
       {Section::Top,         Section::Lmtp,         Section::Control, Section::Postfix,
        Section::Dns,         Section::Smtp,         Section::Domain,  Section::Site,
        Section::Log,         Section::Metrics,      Section::Total,   Section::Source,
        Section::Pool,        Section::SenderDomain, Section::Tenant,  Section::Imap,
        Section::ImapAccount, Section::ImapDynamic,  Section::Milter,  Section::Rule,
        Section::Login,       Section::Tls,          Section::MtaSts,  Section::Events})
    sum += options_of(section).size();
  BOOST_TEST(sum == options().size());
}

BOOST_AUTO_TEST_CASE(a_changed_option_that_needs_a_restart_is_named) {
  Settings const before;
  Settings after;
  BOOST_TEST(changed_without_restart(before, after).empty());
  after.lmtp.listen = {"/run/other.sock"};
  after.lmtp.max_wait = std::chrono::seconds(1);
  after.smtp.max_connections = 3;
  after.state_dir = "/srv/mailpool";
  auto const changed = changed_without_restart(before, after);
  BOOST_TEST(changed == (std::vector<std::string>{"state_dir", "[lmtp] listen"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_is_sockets_and_places) {
  std::set<std::string> restart;
  for (auto const& option : options())
    if (option.restart) restart.insert(option.full_name());
  std::set<std::string> const expected{
      "state_dir",        "[lmtp] listen", "[lmtp] socket_mode",       "[lmtp] socket_group",
      "[control] listen", "[postfix] map", "[postfix] queue_directory"};
  BOOST_TEST(restart == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

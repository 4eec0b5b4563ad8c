// The rows of [imap.NAME], [imap.NAME.account] and [imap_dynamic].

#include "core/config/options_imap.h"
#include "core/config/host_port.h"

namespace mailpool {
namespace {

using namespace std::chrono_literals;
using value::duration;
using value::ListOf;
using value::number;
using value::OneOf;
using value::YesNo;

std::string toml_quoted(std::string_view text) {
  return value::toml_string(printable(text, 128));
}

// Everything that an IMAP client must not be able to put into a line of its own.
Result<std::string> parse_one_line(std::string_view text) {
  bool const is_one_line = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!is_one_line || text.empty() || text.size() > 512)
    return failed(toml_quoted(text) + " cannot be a user's name");
  return std::string(text);
}

Result<std::string> parse_ca_file(std::string_view text) {
  if (text.empty() || text.front() == '/') return std::string(text);
  return failed(toml_quoted(text) + " does not begin with a slash");
}

// A Unix socket, or loopback TCP where an operator insists: the kernel names no user there.
Result<std::string> parse_listen(std::string_view text) {
  if (!text.empty() && text.front() == '/') {
    if (text.size() > 107) return failed(toml_quoted(text) + " is too long for a socket");
    return std::string(text);
  }
  auto const address = parse_address_port(text);
  if (!address) return failed(toml_quoted(text) + " is neither a path nor an address with a port");
  auto const ip = IpAddress::parse(address->host);
  auto const v4 = IpNetwork::parse("127.0.0.0/8");
  auto const v6 = IpNetwork::parse("::1/128");
  if (!ip || (!v4->contains(*ip) && !v6->contains(*ip)))
    return failed(toml_quoted(text) + " is not a loopback address");
  return host_port_text(*address);
}

// "imap.example.com:993", or every host below a domain.
Result<std::string> parse_pattern(std::string_view text) {
  bool const is_any = text.starts_with("*.");
  auto const host = parse_host_port(is_any ? text.substr(2) : text);
  if (!host) return failed(host.error().reason);
  return (is_any ? "*." : "") + host_port_text(*host);
}

value::Parsed<std::string> command_word() {
  return {"a program by its path from the root, or an argument", parse_one_line};
}

value::Parsed<std::string> listen_place() {
  return {R"(the path of a Unix socket, or a loopback address and port such as "127.0.0.1:1143")",
          parse_listen};
}

value::Parsed<ImapServer> server() {
  return {R"(a host and its port, such as "imap.example.com:993")",
          [](std::string_view text) -> Result<ImapServer> {
            auto const host = parse_host_port(text);
            if (!host) return tl::make_unexpected(host.error());
            return ImapServer{host->host, host->port};
          },
          [](ImapServer const& s) {
            return host_port_text({s.host, s.port});
          }};
}

void add_trust(Table& table) {
  using S = ImapSettings;
  table.add("tls_verify", &S::tls_verify, YesNo{})
      .says("Check the server's certificate: its chain and its host name.")
      .note("Without it passwords go to whoever answers.");
  table
      .add("tls_ca_file", &S::tls_ca_file,
           value::Parsed<std::string>{R"(a file of certificates in PEM, or "" for those of [tls])",
                                      parse_ca_file})
      .says("The certificate authorities that are trusted; \"\": those of [tls].")
      .note(
          "Read again at each reload; where it holds other authorities then, connections are "
          "replaced, those in use when they come back.");
}

void add_server(Table& table) {
  using S = ImapSettings;
  table.add("server", &S::server, ListOf{server(), 1, 16})
      .says("The servers to log in to, tried in this order, each with its port.")
      .note("The next one is used while one does not answer.")
      .for_example("[\"imap.example.com:993\"]");
  table.add("tls", &S::tls, OneOf{std::array{ImapTls::Implicit, ImapTls::StartTls, ImapTls::None}})
      .says("TLS from the first octet, by STARTTLS, or none.")
      .note(
          "With the first two nothing is ever said in plain text; \"none\" is for a server on "
          "this host.");
  add_trust(table);
  table.add("tls_certificate_file", &S::tls_certificate_file, value::path_or_empty())
      .says("A certificate in PEM, with its chain, that the servers are shown; \"\": none.")
      .note("For a server that asks for one, and for AUTHENTICATE EXTERNAL of the account.")
      .for_example("\"/etc/mailpool/imap.pem\"");
  table.add("tls_key_file", &S::tls_key_file, value::path_or_empty())
      .says("Its private key, readable by mailpoold; \"\": in the file of the certificate.")
      .note(
          "The file belongs to root or to the user of mailpoold, and its mode is 0640 or 0600: a "
          "key "
          "that others can read is refused.");
}

void add_clients(Table& table) {
  using S = ImapSettings;
  table.add("listen", &S::listen, ListOf{listen_place(), 0, 16})
      .says("Where programs connect: Unix sockets, and loopback TCP if it must be.")
      .note("On TCP the kernel does not say who connects, so allow_users cannot be checked there.")
      .for_example("[\"/run/mailpool/imap/bounces.sock\"]");
  table.add("socket_mode", &S::socket_mode, value::file_mode())
      .says("The mode of these sockets; who may connect is what allow_users says.")
      .note(
          "The kernel names the user of every connection. A stricter mode keeps users of "
          "allow_users out, which mailpoold --check and poolctl check say. A socket keeps the mode "
          "it was made with: rename it, or restart.");
  table.add("socket_group", &S::socket_group, value::group_or_empty())
      .says("The group of these sockets; \"\" leaves the manager's own.");
  table.add("allow_users", &S::allow_users, value::users())
      .says("The users that may connect; the kernel is asked on every connection.");
}

void add_manners(Table& table) {
  using S = ImapSettings;
  table.add("max_clients", &S::max_clients, number(1, 20000))
      .says("How many programs may be connected at once; further ones wait to be accepted.");
  table.add("client_timeout", &S::client_timeout, duration(1s, 24h))
      .says("A program that says nothing for so long, outside IDLE, is logged out.")
      .note("One that stops in the middle of a command is cut off, and its connection closed.");
  table.add("enable", &S::enable, OneOf{std::array{ImapEnable::Discard, ImapEnable::Refuse}})
      .says("What becomes of ENABLE, which nothing takes back before the connection ends.")
      .note(
          "\"discard\": it works, and the connection is closed when its program is done. "
          "\"refuse\": it is not offered, and connections are kept.");
}

void add_sizes(Table& table) {
  using S = ImapSettings;
  table.add("pool_size", &S::pool_size, number(1, 1000))
      .says("How many connections one user may have; further logins wait for one to come back.")
      .note(
          "Servers have limits too: Dovecot allows 10 for each user and address. A password that "
          "is not known yet is tried within this number: where all are open, in the place of one "
          "that nobody has used for 30s and min_idle does not keep, and until then it waits "
          "(checkout_timeout). A wrong password closes no other.");
  table.add("max_connections", &S::max_connections, number(1, 10000))
      .says("How many connections all users of this profile may have together.")
      .note(
          "Where all are open, a login closes another user's idle one, that with a password that "
          "is not known yet only one that was not used for half of checkout_timeout (at most "
          "30s).");
  table.add("unauthenticate", &S::unauthenticate, YesNo{})
      .says(
          "Where these are all open, log another user's idle one in anew instead of closing it, if "
          "the server offers UNAUTHENTICATE (RFC 8437).")
      .note(
          "Only one that is proved clean, and the server promises that nothing of the user before "
          "is left; false takes no promises.");
  table.add("min_idle", &S::min_idle, number(0, 1000))
      .says("So many idle connections of a user outlive idle_timeout.")
      .note(
          "For the user of [imap.NAME.account] they are opened at the start and kept; for others "
          "no password is kept, so there are never more than their logins have opened.");
  table.add("max_waiting", &S::max_waiting, number(0, 20000))
      .says("How many logins may wait for a connection; beyond it they are refused at once.");
  table.add("max_uses", &S::max_uses, number(0, 1'000'000))
      .says("How many programs a connection serves before it is closed; 0 for no limit.");
}

void add_times(Table& table) {
  using S = ImapSettings;
  table.add("checkout_timeout", &S::checkout_timeout, duration(100ms, 5min))
      .says("How long a login may wait for a connection; then it is refused.");
  table.add("connect_timeout", &S::connect_timeout, duration(100ms, 5min))
      .says("How long a new connection may take, from TCP to the greeting and TLS.")
      .note("A server that takes longer is left alone for a while, and the next one is tried.");
  table.add("login_timeout", &S::login_timeout, duration(1s, 10min))
      .says("How long a server that has greeted may take over a login.")
      .note(
          "Some answer late after wrong passwords. A program whose own login is on its way waits "
          "for it beyond checkout_timeout; where the time is over, only this user's logins are put "
          "off.");
  table.add("idle_timeout", &S::idle_timeout, duration(100ms, 24h))
      .says("An idle connection is closed after this time.");
  table.add("max_lifetime", &S::max_lifetime, duration(1s, 24h))
      .says("No connection is lent longer; each one's end is up to 10 % earlier, at random.");
  table.add("keepalive", &S::keepalive, duration(1s, 29min))
      .says("How often an idle connection says NOOP, so that nothing between forgets it.");
  table.add("check_after", &S::check_after, duration(0s, 1h))
      .says("A connection that was idle for longer is proved alive by NOOP before it is lent.");
  table.add("check_timeout", &S::check_timeout, duration(10ms, 1min))
      .says("How long that proof may take; then the next connection is tried.");
  table.add("answer_timeout", &S::answer_timeout, duration(100ms, 24h))
      .says("How long a server that owes an answer may be silent; then its connection is closed.")
      .note("In IDLE it owes none. A search in a large mailbox takes its time.");
  table.add("max_loan_time", &S::max_loan_time, duration(0s, 24h))
      .says("How long a program may keep a connection; \"0s\" for no limit.")
      .note("The log names the process that kept it.");
  table.add("reauth_interval", &S::reauth_interval, duration(1s, 24h))
      .says("A password is believed for so long; then the server itself is asked again.")
      .note("A password that was changed on the server stops working within this time.");
  table.add("reset_timeout", &S::reset_timeout, duration(10ms, 5min))
      .says("How long a returned connection may take to be clean again; then it is closed.");
  table.add("reset_max_bytes", &S::reset_max_bytes, value::size(1024, 1ULL << 30U))
      .says("How much a returned connection may still send before it is closed instead.");
}

void add_account(Table& table) {
  using A = ImapAccount;
  table.begin(Section::ImapAccount);
  table
      .add("user", &A::user,
           value::Parsed<std::string>{"a user's name on the IMAP server", parse_one_line})
      .says("Whom clients of these sockets are logged in as.")
      .for_example("\"bounces@example.com\"");
  table.add("password_file", &A::password_file, value::path_or_empty())
      .says("A file whose first line is the password.")
      .note(
          "It belongs to root or the user that mailpoold runs as, and only its owner can read it "
          "(mode 0600); otherwise nobody is logged in, and the log says why. It is read again at "
          "each reload. An account has one of password_file, token_file, token_command and "
          "external.")
      .for_example("\"/etc/mailpool/bounces.password\"");
  table.add("token_file", &A::token_file, value::path_or_empty())
      .says("A file whose first line is an OAuth 2.0 bearer token, which somebody keeps fresh.")
      .note("It belongs to root or the user that mailpoold runs as, with mode 0600.");
  table.add("token_command", &A::token_command, ListOf{command_word(), 0, 32})
      .says("The program that writes a bearer token to its standard output, and its arguments.")
      .note("It is run as the user of mailpoold, without a shell.");
  table.add("external", &A::external, YesNo{})
      .says("Log in by tls_certificate_file of the profile (AUTHENTICATE EXTERNAL).");
  table.add("refresh", &A::refresh, duration(1s, 24h))
      .says("How often a token is read again, and at once where the server refuses it.")
      .note("Shorter than the token lives.");
  table.add("command_timeout", &A::command_timeout, duration(1s, 5min))
      .says("How long token_command may take; then it is killed.");
  table.add("listen", &A::listen, ListOf{value::socket_path(), 0, 16})
      .says("Unix sockets whose clients are logged in without a password (PREAUTH).")
      .for_example("[\"/run/mailpool/imap/bounces-account.sock\"]");
  table.add("allow_users", &A::allow_users, value::users())
      .says("The users that may connect there: whoever may reads that mailbox.")
      .for_example("[\"bounces\"]");
}

void add_dynamic(Table& table) {
  using D = ImapDynamicSettings;
  table.begin(Section::ImapDynamic);
  table.add("listen", &D::listen, ListOf{value::socket_path(), 0, 16})
      .says("Unix sockets where a program names the server itself; none: nobody can.")
      .for_example("[\"/run/mailpool/imap/dynamic.sock\"]");
  table.add("socket_mode", &D::socket_mode, value::file_mode()).says("The mode of these sockets.");
  table.add("socket_group", &D::socket_group, value::group_or_empty())
      .says("The group of these sockets; \"\" leaves the manager's own.");
  table.add("allow_users", &D::allow_users, value::users())
      .says("The users that may connect there.");
  table
      .add("servers", &D::servers,
           ListOf{
               value::Parsed<std::string>{
                   R"(a host and its port, such as "imap.example.com:993" or "*.example.com:993")",
                   parse_pattern},
               0, 1000})
      .says("The servers that may be asked for.")
      .for_example("[\"*.example.com:993\"]");
  table.add("max_profiles", &D::max_profiles, number(1, 10000))
      .says("How many such profiles there may be at once.");
  // What each of them begins with.
  add_trust(table);
  add_manners(table);
  add_sizes(table);
  add_times(table);
}

}  // namespace

std::string_view name_of(ImapEnable enable) {
  return enable == ImapEnable::Discard ? "discard" : "refuse";
}

std::string_view name_of(ImapTls tls) {
  switch (tls) {
    case ImapTls::Implicit:
      return "implicit";
    case ImapTls::StartTls:
      return "starttls";
    case ImapTls::None:
      return "none";
  }
  return "";
}

void add_imap(Table& table) {
  table.begin(Section::Imap);
  add_server(table);
  add_clients(table);
  add_manners(table);
  add_sizes(table);
  add_times(table);
  add_account(table);
  add_dynamic(table);
}

}  // namespace mailpool

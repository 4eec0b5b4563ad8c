// Options of TLS towards servers: [tls], what a site or a domain says instead, [mta_sts].

#include "core/config/options_tls.h"

#include <algorithm>

#include "core/config/table.h"
#include "core/message/address.h"

namespace mailpool {
namespace {

using namespace std::chrono_literals;
using value::ListOf;
using value::OneOf;
using value::Parsed;
using value::YesNo;
using S = TlsSettings;

Result<std::string> parse_ciphers(std::string_view text) {
  static constexpr std::string_view allowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+!@=:,. ";
  if (text.size() > 4096 || text.find_first_not_of(allowed) != std::string_view::npos)
    return failed(value::toml_string(printable(text, 64)) + " is no list of ciphers");
  return std::string(text);
}

Result<std::string> parse_server_name(std::string_view text) {
  for (std::string_view const word : {"hostname", "nexthop", "none"})
    if (text == word) return std::string(text);
  auto name = canonical_domain(text);
  if (!name || name->front() == '[' || name->find('.') == std::string::npos)
    return failed(value::toml_string(printable(text, 64)) + " is no host name");
  return std::move(*name);
}

Result<std::string> parse_match(std::string_view text) {
  for (std::string_view const word : {"hostname", "nexthop", "dot-nexthop"})
    if (text == word) return std::string(text);
  bool const is_parent = text.starts_with('.');
  auto const name = canonical_domain(is_parent ? text.substr(1) : text);
  if (!name || name->front() == '[' || name->find('.') == std::string::npos)
    return failed(value::toml_string(printable(text, 64)) + " is no host name");
  return (is_parent ? "." : "") + *name;
}

Parsed<std::string> ciphers() {
  return {R"(a list in OpenSSL's language, such as "HIGH:!aNULL", or "" for OpenSSL's own)",
          parse_ciphers};
}

Parsed<std::string> server_name() {
  return {R"("hostname", "nexthop", "none" or a host name)", parse_server_name};
}

Parsed<std::string> match() {
  return {R"("hostname", "nexthop", "dot-nexthop", a host name or ".parent.example")", parse_match};
}

OneOf<TlsVersion, 2> version() {
  return {{TlsVersion::Tls12, TlsVersion::Tls13}};
}

constexpr char const* as_in_tls = "As in [tls], for this site alone.";

}  // namespace

void add_tls(Table& table) {
  table.begin(Section::Tls);
  table.add("ca_file", &S::ca_file, value::path_or_empty())
      .says("The certificates of the authorities that are trusted, in one PEM file.")
      .note("Where the file does not exist no certificate can be verified, which is a warning.");
  table.add("ca_dir", &S::ca_dir, value::path_or_empty())
      .says("A directory with further ones, each in a PEM file; read at start and reload.");
  table.add("minimum_version", &S::minimum_version, version())
      .says("The oldest version of TLS that is spoken.");
  table.add("ciphers", &S::ciphers, ciphers())
      .says("The ciphers of TLS 1.2; \"\": what OpenSSL thinks right, without kDHE.")
      .note(
          "Diffie-Hellman over numbers (kDHE) lets a server make mailpoold compute for as long as "
          "it likes; where a list here names it, up to 3,072 bits are taken.");
  table.add("ciphersuites", &S::ciphersuites, ciphers())
      .says("The cipher suites of TLS 1.3; \"\": what OpenSSL thinks right.")
      .for_example("\"TLS_AES_256_GCM_SHA384\"");
  table.add("certificate", &S::certificate, value::path_or_empty())
      .says("A certificate to show to servers that ask for one, with its chain, in a PEM file.")
      .note(
          "Few need one: some smarthosts know their clients by it. A renewed one is taken over at "
          "a "
          "reload; connections that were made with another are closed.");
  table.add("key", &S::key, value::path_or_empty())
      .says("The key of that certificate; \"\": it stands in the same file.")
      .note(
          "The file belongs to root or to the user of mailpoold, and its mode is 0640 or 0600: a "
          "key "
          "that others can read is refused.");
  table.add("sni", &S::sni, server_name())
      .says("The name that the server is asked for: that of the MX host, of the domain, or none.")
      .note("With DANE it is always the name that has the TLSA records.");
  table.add("match", &S::match, ListOf{match(), 0, 100})
      .says("Names that a certificate may have where a name is required.")
      .note(
          "Without any, \"verify\" takes the MX host's (hostname), \"secure\" the recipient's "
          "domain "
          "or a name below it (nexthop, dot-nexthop). A host named in [route] is its own nexthop.")
      .for_example("[\"hostname\", \".example.com\"]");
  table.add("wrapper", &S::wrapper, YesNo{})
      .says("TLS from the first octet instead of STARTTLS, as on port 465.");
  table.add("required_no", &S::required_no, YesNo{})
      .says("Send a message whose header says \"TLS-Required: No\" as with tls = \"may\".")
      .note(
          "Its sender wants it to arrive more than it to be secret (RFC 8689), such as a report of "
          "TLS that fails. It has connections of its own. With a login it is sent as usual.");
  table.add("session_resumption", &S::session_resumption, YesNo{})
      .says("Shorten handshakes with a server by the session of an earlier one.")
      .note(
          "Only with the same server, login, source and requirements, and for an hour after it "
          "showed its certificate.");
}

void add_mta_sts(Table& table) {
  using M = MtaStsSettings;
  table.begin(Section::MtaSts);
  table.add("enabled", &M::enabled, YesNo{})
      .says("Ask for the MTA-STS policies of domains at tls = \"auto\" (RFC 8461).");
  table.add("timeout", &M::timeout, value::duration(100ms, 1min))
      .says("How long fetching a policy may take; without one mail goes as if there was none.")
      .note("A policy that is known stays in force until its max_age ends.");
  table.add("ca_file", &M::ca_file, value::path_or_empty())
      .says("The authorities trusted for policy hosts; \"\": those of [tls].");
  table.add("port", &M::port, value::Whole<std::uint16_t>{1, 65535})
      .says("The port of policy hosts; another than 443 is for laboratories.");
}

void add_site_tls(Table& table) {
  table.begin(Section::Site);
  table.add("tls_ca_file", &S::ca_file, value::path_or_empty()).says(as_in_tls);
  table.add("tls_ca_dir", &S::ca_dir, value::path_or_empty()).says(as_in_tls);
  table.add("tls_minimum_version", &S::minimum_version, version()).says(as_in_tls);
  table.add("tls_ciphers", &S::ciphers, ciphers()).says(as_in_tls);
  table.add("tls_ciphersuites", &S::ciphersuites, ciphers()).says(as_in_tls);
  table.add("tls_certificate", &S::certificate, value::path_or_empty()).says(as_in_tls);
  table.add("tls_key", &S::key, value::path_or_empty()).says(as_in_tls);
  table.add("tls_sni", &S::sni, server_name()).says(as_in_tls);
  table.add("tls_match", &S::match, ListOf{match(), 0, 100})
      .says(as_in_tls)
      .for_example("[\"hostname\"]");
  table.add("tls_wrapper", &S::wrapper, YesNo{}).says(as_in_tls);
  table.add("tls_required_no", &S::required_no, YesNo{}).says(as_in_tls);
  table.add("tls_session_resumption", &S::session_resumption, YesNo{}).says(as_in_tls);
}

void add_domain_tls(Table& table) {
  using D = DomainSettings;
  using L = TlsLevel;
  table.begin(Section::Domain);
  table
      .add("tls", &D::tls,
           OneOf{std::array{L::None, L::May, L::Encrypt, L::Verify, L::Secure, L::Dane, L::DaneOnly,
                            L::Auto}})
      .says("What mail to this domain requires of TLS, instead of what its site says.")
      .for_example("\"secure\"");
  table.add("tls_match", &D::tls_match, ListOf{match(), 0, 100})
      .says("As match in [tls], for this domain alone.")
      .for_example("[\".example.org\"]");
}

}  // namespace mailpool

#include "core/config/value.h"

#include "core/base/text.h"
#include "core/base/user_id.h"
#include "core/config/host_port.h"
#include "core/config/quotes.h"
#include "core/config/source_values.h"
#include "core/message/address.h"
#include "core/message/tenant_seal.h"

namespace mailpool::value {
namespace {

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::string> parse_domain(std::string_view text) {
  auto name = canonical_domain(text);
  if (!name) return failed(in_quotes(text) + " is not a domain");
  return name;
}

Result<std::string> parse_host_name_or_empty(std::string_view text) {
  if (text.empty()) return std::string();
  return parse_domain(text);
}

Result<std::string> parse_mx_suffix(std::string_view text) {
  if (text.empty() || text.front() != '.')
    return failed(in_quotes(text) + " does not begin with a dot");
  auto const name = parse_domain(text.substr(1));
  if (!name || name->front() == '[') return failed(in_quotes(text) + " is not a dot and a domain");
  return "." + *name;
}

// Who it is, is asked when somebody connects; here only what could never be a name.
Result<std::string> parse_user(std::string_view text) {
  bool const good = !text.empty() && text.size() <= 256 && is_one_line(text) &&
                    text.find_first_of(":/ ") == std::string_view::npos;
  if (!good) return failed(in_quotes(text) + " cannot be the name of a user or group");
  bool const is_number = std::all_of(text.begin(), text.end(), is_digit);
  if (is_number && !to_user_id(text))
    return failed(in_quotes(text) + " is no id of a user or group: these end at 4294967294");
  return std::string(text);
}

Result<std::string> parse_group_or_empty(std::string_view text) {
  if (text.empty()) return std::string();
  return parse_user(text);
}

Result<std::string> parse_path(std::string_view text) {
  if (text.empty() || text.front() != '/')
    return failed(in_quotes(text) + " does not begin with a slash");
  if (text.size() > 4095 || !is_one_line(text))
    return failed(in_quotes(text) + " cannot be a path");
  return std::string(text);
}

Result<std::string> parse_file_name(std::string_view text) {
  if (text.empty() || text.size() > 4095 || text.back() == '/' || !is_one_line(text))
    return failed(in_quotes(text) + " cannot be the name of a file");
  return std::string(text);
}

Result<std::string> parse_path_or_empty(std::string_view text) {
  if (text.empty()) return std::string();
  return parse_path(text);
}

// sockaddr_un has room for 107 octets and the final NUL.
Result<std::string> parse_socket_path(std::string_view text) {
  if (text.size() > 107) return failed(in_quotes(text) + " is too long for a socket");
  return parse_path(text);
}

Result<std::string> parse_dns_server(std::string_view text) {
  auto const server = parse_address_port(text, 53);
  if (!server) return tl::make_unexpected(server.error());
  return host_port_text(*server);
}

Result<std::string> parse_listen_address(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.front() == '/') return parse_socket_path(text);
  auto const address = parse_address_port(text);
  if (!address) return tl::make_unexpected(address.error());
  return host_port_text(*address);
}

Result<std::string> parse_log_target(std::string_view text) {
  if (text == "syslog" || text == "journal" || text == "stderr") return std::string(text);
  if (!text.empty() && text.front() == '/') return parse_path(text);
  return failed(in_quotes(text) + " is no place to log to");
}

Result<std::string> parse_source(std::string_view text) {
  // Whether there is a source of that name is asked once all sections are read.
  if (text.empty() || is_plain_name(text)) return std::string(text);
  return failed(in_quotes(text) + " cannot be the name of a source");
}

Result<std::string> parse_socket_path_or_empty(std::string_view text) {
  if (text.empty()) return std::string();
  return parse_socket_path(text);
}

// RFC 5322 3.6.8: a field name is printable ASCII without the colon.
bool is_field_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != ':';
  });
}

// It is removed from mail: only what is nobody else's may be named.
Result<std::string> parse_campaign_header(std::string_view text) {
  bool const is_private = is_field_name(text) && ascii_lower(text).starts_with("x-");
  if (is_private && !ascii_iequal(text, tenant_header) && !ascii_iequal(text, seal_header))
    return std::string(text);
  return failed(in_quotes(text) + " cannot be the name of a campaign's header");
}

Result<std::string> parse_tenant_source(std::string_view text) {
  constexpr std::string_view header = "header:";
  if (text == "login" || text == "client" ||
      (text.starts_with(header) && is_field_name(text.substr(header.size()))))
    return std::string(text);
  return failed(in_quotes(text) + " tells no tenant");
}

Result<std::string> parse_login(std::string_view text) {
  if (text.empty() || text.size() > 256 || !is_one_line(text))
    return failed(in_quotes(text) + " cannot be a login");
  return std::string(text);
}

Result<std::string> parse_mailer(std::string_view text) {
  bool const good =
      !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != ':' && c != '"' && c != ',';
      });
  if (!good) return failed(in_quotes(text) + " cannot be a transport's or mailer's name");
  return std::string(text);
}

Result<IpNetwork> parse_network(std::string_view text) {
  auto const network = IpNetwork::parse(text);
  if (!network) return failed(in_quotes(text) + " is not a network");
  return *network;
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

Wrong wrong_type(Node const& node, std::string const& right) {
  bool const has_text =
      !node.text.empty() && node.kind != Node::Kind::Date && node.kind != Node::Kind::YesNo;
  auto const shown = node.kind == Node::Kind::Text ? in_quotes(node.text) + " "
                     : has_text                    ? node.text + " "
                                                   : "";
  return {node.line, fmt::format("{}is {}", shown, words_for(node.kind)), right};
}

Parsed<Rate> rate() {
  return {
      R"(a rate such as "100/s", "600/min, burst 20", "5000/h" or "100000/d", or "" for no limit)",
      Rate::parse, [](Rate const& value) { return value.to_string(); }};
}

Parsed<std::uint32_t> file_mode() {
  return {R"(a file mode in octal digits, such as "0660")", parse_mode,
          [](std::uint32_t const& mode) { return mode_text(mode); }};
}

Parsed<IpNetwork> network() {
  return {R"(a network such as "10.0.0.0/8" or "fc00::/7", or a single address)", parse_network,
          [](IpNetwork const& value) { return value.to_string(); }};
}

Parsed<RouteHost> route_host() {
  return {
      R"(a host and its port, such as "192.0.2.1:25", "[2001:db8::1]:25" or "mx.example.com:25")",
      parse_host_port, [](RouteHost const& host) { return host_port_text(host); }};
}

Parsed<std::string> host_name_or_empty() {
  return {
      R"(a host name such as "mail.example.com", an address in brackets, or "" for the machine's own name)",
      parse_host_name_or_empty};
}

Parsed<std::string> domain() {
  return {R"(a domain such as "example.org")", parse_domain};
}

Parsed<std::string> mx_suffix() {
  return {R"(a dot and the end of the MX hosts' names, such as ".google.com")", parse_mx_suffix};
}

Parsed<std::string> user() {
  return {R"(a user, by name such as "postfix" or by number)", parse_user};
}

ListOf<Parsed<std::string>> users() {
  return {user(), 0, 64};
}

Parsed<std::string> group_or_empty() {
  return {R"(a group's name such as "postfix", or "" for the group mailpoold runs as)",
          parse_group_or_empty};
}

Parsed<std::string> file_name() {
  return {"a path, or the name of a file beside this one", parse_file_name};
}

Parsed<std::string> path() {
  return {"a path from the root", parse_path};
}

Parsed<std::string> path_or_empty() {
  return {R"(a path from the root, or "" for none)", parse_path_or_empty};
}

Parsed<std::string> socket_path() {
  return {"a path from the root of at most 107 octets", parse_socket_path};
}

Parsed<std::string> dns_server() {
  return {R"(an IP address, with a port if it is not 53, such as "127.0.0.1:5353" or "[::1]:5353")",
          parse_dns_server};
}

Parsed<std::string> listen_address_or_empty() {
  return {
      R"(an IP address with a port, such as "127.0.0.1:9779", a socket's path from the root, or "" for none)",
      parse_listen_address};
}

Parsed<std::string> log_target() {
  return {R"("syslog", "journal", "stderr" or a file's path from the root)", parse_log_target};
}

Parsed<std::string> source() {
  return {R"(the name of a [source.NAME] or [pool.NAME], or "" for none)", parse_source};
}

Parsed<std::string> socket_path_or_empty() {
  return {R"(a path from the root of at most 107 octets, or "")", parse_socket_path_or_empty};
}

Parsed<std::string> tenant_source() {
  return {R"("header:NAME" such as "header:X-Mailpool-Tenant", "login" or "client")",
          parse_tenant_source};
}

Parsed<std::string> campaign_header() {
  return {R"(the name of a header that begins with "X-", such as "X-Mailpool-Campaign")",
          parse_campaign_header};
}

Parsed<std::string> mailer() {
  return {R"(a transport or mailer such as "mailpool")", parse_mailer};
}

Parsed<std::string> login() {
  return {R"(a login such as "shop@example.com")", parse_login};
}

Parsed<std::string> login_name() {
  return {R"(the name of a [login.NAME], or "" for none)",
          [](std::string_view text) -> Result<std::string> {
            if (text.empty() || is_plain_name(text)) return std::string(text);
            return failed(in_quotes(text) + " cannot be the name of a login");
          }};
}

}  // namespace mailpool::value

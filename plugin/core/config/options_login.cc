// Options of [login.NAME].

#include "core/config/options_login.h"

#include "core/config/source_values.h"
#include "core/config/table.h"

namespace mailpool {
namespace {

using namespace std::chrono_literals;
using value::ListOf;
using value::OneOf;
using value::Parsed;

bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_credential_name(std::string_view text) {
  return text.size() <= 255 && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '.' ||
                  c == '_' || c == '-';
         });
}

Result<std::string> parse_secret_file(std::string_view text) {
  bool const is_good =
      text.empty() ||
      (text.front() == '/' ? text.size() <= 4095 && is_one_line(text) : is_credential_name(text));
  if (!is_good) return failed(value::toml_string(printable(text, 128)) + " cannot be a file");
  return std::string(text);
}

Parsed<std::string> secret_file() {
  return {R"(a path from the root, the name of a systemd credential, or "" for none)",
          parse_secret_file};
}

Parsed<std::string> words_of_a_command() {
  return {"a program by its path from the root, or an argument",
          [](std::string_view text) -> Result<std::string> {
            if (text.size() > 4095 || !is_one_line(text)) return failed("not one line");
            return std::string(text);
          }};
}

Parsed<std::string> login_user() {
  return {"a user name of at most 255 octets", [](std::string_view text) -> Result<std::string> {
            if (text.empty() || text.size() > 255 || !is_one_line(text))
              return failed(value::toml_string(printable(text, 128)) + " cannot be a user name");
            return std::string(text);
          }};
}

}  // namespace

void add_login(Table& table) {
  using S = LoginSettings;
  table.begin(Section::Login);
  table.add("user", &S::user, login_user())
      .says("The user to log in as.")
      .for_example("\"relay@example.com\"");
  table.add("password_file", &S::password_file, secret_file())
      .says("The file with the password, in its first line.")
      .note(
          "It belongs to user mailpool, and only its owner can read it (mode 0600). What only root "
          "may read reaches the service as a systemd credential: a name without a slash, and "
          "LoadCredential= in the service. It is read again on reload. Each login has a "
          "password_file, a token_file or a "
          "token_command.")
      .for_example("\"/etc/mailpool/smarthost.password\"");
  table.add("token_file", &S::token_file, secret_file())
      .says("The file with an OAuth 2.0 bearer token, which somebody else keeps fresh.")
      .note(
          "It is read again every `refresh`, and at once when the server refuses the token, but "
          "for "
          "that no more than once in `retry_after`.");
  table.add("token_command", &S::token_command, ListOf{words_of_a_command(), 0, 32})
      .says("The program that writes a bearer token to its standard output, and its arguments.")
      .note(
          "It is run as the user of mailpoold, without a shell, as often as a token_file is read.");
  table.add("refresh", &S::refresh, value::duration(1s, 24h))
      .says("How often a token is read again.")
      .note("Shorter than the token lives.");
  table.add("command_timeout", &S::command_timeout, value::duration(1s, 5min))
      .says("How long token_command may take; then it is killed.");
  table.add("mechanisms", &S::mechanisms, ListOf{OneOf{sasl::all_mechanisms}, 0, 6})
      .says("The mechanisms that may be used; of those that the server offers too, the first.")
      .note(
          "The order is always the one above. None: all that fit the kind of secret, but "
          "CRAM-MD5, which lets a listener guess at the password.")
      .for_example("[\"SCRAM-SHA-256\", \"PLAIN\"]");
  table.add("allow_plaintext", &S::allow_plaintext, value::YesNo{})
      .says("Log in without TLS too.")
      .note(
          "Everybody on the way can read the password then. To be sure of the server as well, give "
          "its site tls = \"secure\" or \"verify\".");
  table.add("retry_after", &S::retry_after, value::duration(1s, 24h))
      .says("How long a login that was refused is not tried again; its mail waits, with 451 4.7.8.")
      .note("A new password or token ends the wait.");
}

}  // namespace mailpool

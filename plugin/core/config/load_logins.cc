#include "core/config/load_logins.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/source_values.h"

namespace mailpool {
namespace {

constexpr std::size_t most_logins = 10'000;

class LoginLoader {
 public:
  LoginLoader(Node const& root, SectionReader& reader, Settings& settings)
      : root_(root), reader_(reader), settings_(settings) {}

  void load() {
    auto const* const logins = root_.find("login");
    if (logins != nullptr && reader_.is_table(*logins, "[login.NAME]")) {
      if (logins->value.entries.size() > most_logins)
        return reader_.complain(logins->line, "[login] has too many entries", "at most 10000");
      for (auto const& entry : logins->value.entries) read(entry);
    }
    check_named("route");
    check_named("sender_domain");
  }

 private:
  void read(Node::Entry const& entry) {
    auto const title = fmt::format("[login.{}]", printable(entry.key, 64));
    if (!reader_.is_table(entry, "[login.NAME]")) return;
    if (!value::is_plain_name(entry.key))
      reader_.complain(entry.line, title + " is not a name",
                       fmt::format("{}, such as [login.smarthost]", value::plain_name_words));
    auto& login = settings_.logins[entry.key];
    auto const misread = reader_.read(entry.value, title, &login, known_in(Section::Login));
    if (misread.empty()) check(entry, title, login);
  }

  void check(Node::Entry const& entry, std::string const& title, LoginSettings const& login) {
    if (login.user.empty())
      reader_.complain(entry.line, title + " has no user", R"(user = "relay@example.com")");
    int const secrets = (login.password_file.empty() ? 0 : 1) + (login.token_file.empty() ? 0 : 1) +
                        (login.token_command.empty() ? 0 : 1);
    if (secrets != 1)
      reader_.complain(entry.line,
                       fmt::format("{} has {} of password_file, token_file and token_command",
                                   title, secrets == 0 ? "none" : "more than one"),
                       "exactly one of them");
    if (!login.token_command.empty() && !login.token_command.front().starts_with('/'))
      reader_.complain(line_of(entry, "token_command"),
                       fmt::format("{} token_command: {} is not a path from the root", title,
                                   in_quotes(login.token_command.front())),
                       R"(such as ["/usr/local/bin/token", "--for", "smtp"])");
    if (secrets == 1)
      for (auto mechanism : login.mechanisms)
        if (sasl::wants_token(mechanism) != login.has_token())
          reader_.complain(
              line_of(entry, "mechanisms"),
              fmt::format("{} mechanisms: {} does not go with a {}", title, name_of(mechanism),
                          login.has_token() ? "token" : "password"),
              login.has_token() ? "OAUTHBEARER or XOAUTH2"
                                : "SCRAM-SHA-256, PLAIN, LOGIN or CRAM-MD5");
  }

  static unsigned line_of(Node::Entry const& entry, std::string_view key) {
    auto const* const found = entry.value.find(key);
    return found == nullptr ? entry.line : found->line;
  }

  // `login = "NAME"` inside the entries of a section.
  void check_named(char const* section) {
    auto const* const all = root_.find(section);
    if (all == nullptr) return;
    for (auto const& entry : all->value.entries) {
      auto const* const login = entry.value.find("login");
      if (login == nullptr || login->value.kind != Node::Kind::Text) continue;
      auto const& name = login->value.text;
      if (name.empty() || settings_.logins.contains(name) || !value::is_plain_name(name)) continue;
      reader_.complain(
          login->line,
          fmt::format("[{}] {} login: there is no [login.{}]", section, in_quotes(entry.key), name),
          nearest_section("login", name, names_of(settings_.logins)));
    }
  }

  Node const& root_;
  SectionReader& reader_;
  Settings& settings_;
};

}  // namespace

void load_logins(Node const& root, SectionReader& reader, Settings& settings) {
  LoginLoader(root, reader, settings).load();
}

}  // namespace mailpool

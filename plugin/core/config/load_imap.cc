#include "core/config/load_imap.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t most_profiles = 1000;

// It stands in log lines, metrics and paths.
bool is_profile_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

class ProfileReader {
 public:
  ProfileReader(SectionReader& reader, Settings& settings) : reader_(reader), settings_(settings) {}

  void read(Node::Entry const& entry) {
    if (!reader_.is_table(entry, "[imap.NAME]")) return;
    title_ = fmt::format("[imap.{}]", printable(entry.key, 64));
    if (!is_profile_name(entry.key))
      return reader_.complain(entry.line, title_ + " is not a profile's name",
                              "small letters, digits and hyphens, at most 63");
    ImapSettings profile;
    profile.name = entry.key;
    Node own = entry.value;
    std::erase_if(own.entries, [](auto const& inner) { return inner.key == "account"; });
    auto const misread = reader_.read(own, title_, &profile, known_in(Section::Imap));
    if (auto const* account = entry.value.find("account")) read_account(*account, profile);
    check(entry, profile, misread);
    settings_.imap[entry.key] = std::move(profile);
  }

 private:
  void read_account(Node::Entry const& entry, ImapSettings& profile) {
    if (!reader_.is_table(entry, fmt::format("[imap.{}.account]", profile.name))) return;
    auto const title = fmt::format("[imap.{}.account]", profile.name);
    auto const misread =
        reader_.read(entry.value, title, &profile.account, known_in(Section::ImapAccount));
    auto needs = [&](char const* key, bool is_there, char const* right) {
      if (!is_there && !misread.contains(key))
        reader_.complain(entry.line, fmt::format("{} has no {}", title, key), right);
    };
    needs("user", !profile.account.user.empty(), R"(user = "bounces@example.com")");
    auto const& account = profile.account;
    auto const secrets = static_cast<int>(!account.password_file.empty()) +
                         static_cast<int>(!account.token_file.empty()) +
                         static_cast<int>(!account.token_command.empty()) +
                         static_cast<int>(account.external);
    bool const is_misread = misread.contains("token_file") || misread.contains("token_command") ||
                            misread.contains("external");
    needs("password_file", secrets != 0 || is_misread,
          R"(password_file = "/etc/mailpool/bounces.password")");
    if (secrets > 1)
      reader_.complain(
          entry.line,
          fmt::format("{} has {} of password_file, token_file, token_command and external", title,
                      secrets),
          "one of them");
    if (!account.token_command.empty() && !account.token_command.front().starts_with('/'))
      reader_.complain(entry.line,
                       fmt::format("{} token_command: {} is not a path from the root", title,
                                   printable(account.token_command.front(), 128)),
                       R"(token_command = ["/usr/local/bin/token", "bounces"])");
    if (account.external && profile.tls_certificate_file.empty())
      reader_.complain(entry.line, title + " external needs tls_certificate_file of the profile",
                       R"(tls_certificate_file = "/etc/mailpool/imap.pem")");
    needs("listen", !profile.account.listen.empty(),
          R"(listen = ["/run/mailpool/imap/bounces-account.sock"])");
    note_sockets(profile.account.listen, entry.line, title);
  }

  void check(Node::Entry const& entry, ImapSettings const& profile, Misread const& misread) {
    if (profile.server.empty() && !misread.contains("server"))
      reader_.complain(entry.line, title_ + " has no server",
                       R"(server = ["imap.example.com:993"])");
    if (profile.listen.empty() && profile.account.listen.empty() && !misread.contains("listen") &&
        entry.value.find("account") == nullptr)
      reader_.complain(entry.line, title_ + " has no listen, so no program could use it",
                       R"(listen = ["/run/mailpool/imap/NAME.sock"])");
    if (profile.min_idle > profile.pool_size && !misread.contains("min_idle"))
      reader_.complain(
          entry.line,
          fmt::format("{} min_idle: {} connections cannot be kept where pool_size is {}", title_,
                      profile.min_idle, profile.pool_size),
          fmt::format("min_idle = {} at most", profile.pool_size));
    note_sockets(profile.listen, entry.line, title_);
  }

  void note_sockets(std::vector<std::string> const& listen, unsigned line,
                    std::string const& title) {
    for (auto const& place : listen) reader_.is_first(sockets_, place, line, title + " listen");
  }

  SectionReader& reader_;
  Settings& settings_;
  Names sockets_;
  std::string title_;
};

}  // namespace

void read_imap_profiles(SectionReader& reader, Settings& settings, Node const& table) {
  if (table.entries.size() > most_profiles)
    return reader.complain(table.line, fmt::format("[imap] has {} entries", table.entries.size()),
                           fmt::format("at most {}", most_profiles));
  ProfileReader profiles(reader, settings);
  for (auto const& entry : table.entries) profiles.read(entry);
}

}  // namespace mailpool

#include "manager/check_places.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/base/text.h"
#include "manager/secret_file.h"
#include "manager/tls_client.h"

namespace mailpool::manager {
namespace {

class Places {
 public:
  explicit Places(std::optional<ServiceSandbox> const& sandbox) : sandbox_(sandbox) {}

  void secret(std::string const& option, std::string const& name) {
    if (name.empty() || (name.front() != '/' && std::getenv("CREDENTIALS_DIRECTORY") == nullptr))
      return;
    if (is_hidden(option, name)) return;
    auto const read = read_secret_file(name);
    if (!read)
      complain(option, fmt::format("{}; right would be a file of the service's user alone (chown "
                                   "mailpool, chmod 0600), or a credential of the service "
                                   "(LoadCredential=)",
                                   read.error().reason));
  }
  void readable(std::string const& option, std::string const& path) {
    if (path.empty() || is_hidden(option, path)) return;
    if (::access(path.c_str(), R_OK) != 0)
      complain(option, fmt::format("{}: {}; right would be a file that user mailpool may read",
                                   path, std::strerror(errno)));
  }
  void log_file(std::string const& option, std::string const& path) {
    if (path.empty() || path.front() != '/') return;
    if (sandbox_)
      if (auto const why = sandbox_->why_not_writable(path); !why.empty())
        return complain(option, fmt::format("{}: {}", path, why));
    struct stat facts {};
    bool const is_there = ::lstat(path.c_str(), &facts) == 0;
    auto const directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    // systemd makes it for the service.
    if (!is_there && directory == "/var/log/mailpool" && ::access(directory.c_str(), F_OK) != 0)
      return;
    if (::access((is_there ? path : directory).c_str(), W_OK) != 0)
      complain(option, fmt::format("{} cannot be written: {}; right would be a file below "
                                   "/var/log/mailpool",
                                   path, std::strerror(errno)));
  }
  void add(std::vector<std::string> const& mistakes) {
    found_.insert(found_.end(), mistakes.begin(), mistakes.end());
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(found_); }

 private:
  bool is_hidden(std::string const& option, std::string const& path) {
    auto const why = sandbox_ ? sandbox_->why_not_visible(path) : std::string();
    if (!why.empty()) complain(option, fmt::format("{}: {}", path, why));
    return !why.empty();
  }
  void complain(std::string const& option, std::string const& what) {
    found_.push_back(printable(fmt::format("{}: {}", option, what), 600));
  }

  std::optional<ServiceSandbox> const& sandbox_;
  std::vector<std::string> found_;
};

bool become(std::string const& user) {
  auto const* const entry = ::getpwnam(user.c_str());
  return entry != nullptr && ::initgroups(user.c_str(), entry->pw_gid) == 0 &&
         ::setgid(entry->pw_gid) == 0 && ::setuid(entry->pw_uid) == 0;
}

std::string read_to_the_end(int fd) {
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    auto const n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

std::vector<std::string> places_out_of_reach(Settings const& settings,
                                             std::optional<ServiceSandbox> const& sandbox) {
  Places places(sandbox);
  places.log_file("[log] to", settings.log.to);
  places.log_file("[events] file", settings.events.file);
  if (settings.events.addresses == EventAddresses::Hash)
    places.secret("[events] hash_key_file", settings.events.hash_key_file);
  for (auto const& [name, login] : settings.logins) {
    places.secret(fmt::format("[login.{}] password_file", name), login.password_file);
    places.secret(fmt::format("[login.{}] token_file", name), login.token_file);
  }
  for (auto const& [name, profile] : settings.imap) {
    places.readable(fmt::format("[imap.{}.account] password_file", name),
                    profile.account.password_file);
    places.readable(fmt::format("[imap.{}] tls_ca_file", name), profile.tls_ca_file);
  }
  auto copy = settings;
  std::vector<std::string> mistakes;
  std::vector<std::string> warnings;
  (void)TlsClient::make(copy, mistakes, warnings);
  places.add(mistakes);
  return places.take();
}

std::vector<std::string> places_out_of_the_service(Settings const& settings) {
  auto const sandbox = ServiceSandbox::of_this_machine();
  auto const user = sandbox && !sandbox->user().empty() ? sandbox->user() : std::string("mailpool");
  std::array<int, 2> ends{};
  if (::geteuid() != 0 || ::getpwnam(user.c_str()) == nullptr ||
      ::pipe2(ends.data(), O_CLOEXEC) != 0)
    return places_out_of_reach(settings, sandbox);
  auto const child = ::fork();
  if (child == 0) {
    // Where that is forbidden to root too (AppArmor), what root sees must do.
    (void)become(user);
    std::string text;
    for (auto const& line : places_out_of_reach(settings, sandbox)) text += line + "\n";
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  auto const text = read_to_the_end(ends[0]);
  ::close(ends[0]);
  int status = 0;
  if (child > 0) (void)::waitpid(child, &status, 0);
  std::vector<std::string> found;
  for (auto line : split(text, '\n'))
    if (!line.empty()) found.emplace_back(line);
  return found;
}

}  // namespace mailpool::manager

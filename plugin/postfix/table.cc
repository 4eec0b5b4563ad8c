// What the table answers; the only part that talks to Postfix's log.

#include "postfix/table.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "postfix/version.h"

namespace mailpool::postfix {

namespace {

constexpr std::int64_t say_again_after_ns = 60'000'000'000;
constexpr std::size_t most_socket_octets = 107;
char const usual_service[] = "mailpool";
// For doors whose mail waits in the queue, so that other mail does not stand behind theirs.
char const backlog_service[] = "mailpool-backlog";
// What `poolctl postfix enable` sets beside the service, and where Postfix listens for it: a
// service that is gone from master.cf, or was never there, must not be answered. Of one that is
// gone Postfix leaves the socket's file, so once, when the table is opened, it is tried.
char const backlog_parameter[] = "mailpool-backlog_destination_concurrency_limit";
char const backlog_socket[] = "private/mailpool-backlog";

bool is_same_folder(char const* a, char const* b) {
  struct stat left {};
  struct stat right {};
  return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

char const* queue_directory() {
  return &var_queue_dir != nullptr ? var_queue_dir : nullptr;
}

// The path without the queue directory in front of it: what works in a chroot and outside.
char const* below_queue_directory(char const* path) {
  char const* const queue = queue_directory();
  if (path[0] != '/' || queue == nullptr) return path;
  std::size_t length = std::strlen(queue);
  while (length > 0 && queue[length - 1] == '/') --length;
  if (std::strncmp(path, queue, length) != 0 || path[length] != '/') return path;
  path += length;
  while (*path == '/') ++path;
  return path;
}

bool somebody_listens_at(char const* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::size_t const length = std::strlen(path);
  if (length >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path, length + 1);
  int const socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  // EAGAIN: it listens, and many wait there.
  bool const is_there =
      ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN;
  ::close(socket);
  return is_there;
}

bool is_ascii(std::string_view text) {
  for (char const c : text)
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  return true;
}

}  // namespace

void Table::open(char const* path) {
  path_ = path;
  char const* const mail_version = &var_mail_version != nullptr ? var_mail_version : nullptr;
  if (!is_tested_version(mail_version)) {
    msg_warn("mailpool:%s: not tried with Postfix %s: this table answers nothing", path,
             mail_version != nullptr ? mail_version : "of an unknown version");
    return;
  }
  char resolved[PATH_MAX];
  if (!resolve(path, resolved, sizeof resolved) || !prepare_answer(path) ||
      !file_.prepare(resolved)) {
    msg_warn("mailpool:%s: no usable path of a map: this table answers nothing", path);
    return;
  }
  if (!classes_.load()) {
    msg_warn(
        "mailpool:%s: this Postfix does not tell its local domains: this table answers nothing",
        path);
    return;
  }
  if (mail_conf_lookup_eval(backlog_parameter) == nullptr ||
      !resolve(backlog_socket, backlog_socket_, sizeof backlog_socket_) ||
      !somebody_listens_at(backlog_socket_))
    backlog_socket_[0] = '\0';
  is_usable_ = true;
  say_where_the_manager_is(file_.look());
}

// Daemons stand in the queue directory, before and after the chroot; postmap stands anywhere.
bool Table::resolve(char const* path, char* resolved, std::size_t size) {
  path = below_queue_directory(path);
  char const* const queue = queue_directory();
  std::size_t head = 0;
  if (path[0] != '/' && queue != nullptr && !is_same_folder(".", queue)) {
    head = std::strlen(queue);
    if (head + 1 >= size) return false;
    std::memcpy(resolved, queue, head);
    resolved[head++] = '/';
  }
  std::size_t const length = std::strlen(path);
  if (length == 0 || head + length + 1 > size) return false;
  std::memcpy(resolved + head, path, length + 1);
  return true;
}

bool Table::prepare_answer(char const* path) {
  path = below_queue_directory(path);
  char const* const slash = std::strrchr(path, '/');
  std::size_t const folder = slash != nullptr ? static_cast<std::size_t>(slash - path) + 1 : 0;
  if (folder + 2 + map::most_door_octets > most_socket_octets) return false;
  std::memcpy(doors_, path, folder);
  std::memcpy(doors_ + folder, "d/", sizeof "d/");
  return true;
}

bool Table::has_backlog_service() const {
  struct stat facts {};
  return backlog_socket_[0] != '\0' && stat(backlog_socket_, &facts) == 0 &&
         S_ISSOCK(facts.st_mode);
}

char const* Table::lookup(char const* key) {
  if (!is_usable_) return nullptr;
  auto const domain = keys_.domain_if_last(key);
  return domain.empty() ? nullptr : answer_for(domain);
}

char const* Table::answer_for(std::string_view domain) {
  char const* name = domain.data();  // ends with '\0'
  if (!is_ascii(domain)) {
    name = midna_domain_to_ascii != nullptr ? midna_domain_to_ascii(domain.data()) : nullptr;
    if (name == nullptr) return nullptr;
  }
  map::FoldedDomain const folded(name);
  auto const trouble = file_.look();
  say_where_the_manager_is(trouble);
  auto const decision = map::decide(file_.reader(), trouble == MapFile::Trouble::None,
                                    folded.view(), file_.away_ns(trouble));
  if (!decision.is_found()) {
    explain(domain.data(), map::name_of(decision.reason));
    return nullptr;
  }
  if (char const* const list = classes_.list_with(domain.data()); list != nullptr) {
    explain(domain.data(), list);
    return nullptr;
  }
  bool const has_backlog = decision.has_backlog && has_backlog_service();
  std::snprintf(answer_, sizeof answer_, "%s:unix:%s%s",
                has_backlog ? backlog_service : usual_service, doors_, decision.door.text);
  explain(domain.data(), map::name_of(decision.reason));
  return answer_;
}

// The line that `poolctl postfix lookup` reads from a verbose postmap.
void Table::explain(char const* domain, char const* why) const {
  if (&msg_verbose == nullptr || msg_verbose == 0) return;
  // Postfix's own printf ends the process at a %llu: it gets strings only.
  char map[64];
  std::snprintf(map, sizeof map, "generation=%llu heartbeat_age=%.1f",
                static_cast<unsigned long long>(file_.reader().generation()),
                file_.heartbeat_age());
  msg_info("mailpool:%s: %s: reason=\"%s\" %s", path_, domain, why, map);
}

// A change is worth a line; one that comes and goes is not worth more than one a minute.
void Table::say_where_the_manager_is(MapFile::Trouble trouble) {
  bool const is_away = trouble != MapFile::Trouble::None;
  if (is_away == said_away_) return;
  if (is_away && said_ns_ != INT64_MIN && file_.now_ns() - said_ns_ < say_again_after_ns) return;
  said_away_ = is_away;
  said_ns_ = file_.now_ns();
  if (is_away)
    msg_warn(
        "mailpool:%s: the manager is away (%s): until it is back, mail takes its fallback and "
        "bypasses the pool",
        path_, words_for(trouble));
  else
    msg_info("mailpool:%s: the manager is back: mail takes its doors again", path_);
}

}  // namespace mailpool::postfix

#include "manager/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "core/base/text.h"
#include "posix/descriptor.h"
#include "posix/secret_guard.h"

namespace mailpool::manager {
namespace {

using posix::Descriptor;

/// Where a secret is gathered: zeroed when it goes.
struct Gathered {
  std::array<char, longest_secret + 1> octets{};
  std::size_t size = 0;
  ~Gathered() { wipe(octets.data(), octets.size()); }
  [[nodiscard]] bool is_full() const { return size == octets.size(); }
  [[nodiscard]] ssize_t read_from(int fd) {
    auto const n = ::read(fd, octets.data() + size, octets.size() - size);
    if (n > 0) size += static_cast<std::size_t>(n);
    return n;
  }
};

Result<Secret> first_line(Gathered const& gathered) {
  if (gathered.is_full()) return failed("it is longer than 64 KiB");
  std::string_view text(gathered.octets.data(), gathered.size);
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) return failed("its first line is empty");
  auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control))
    return failed("its first line has control characters");
  return Secret(text);
}

Result<Secret> read_file(std::string const& path, bool is_guarded_by_systemd) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return failed(std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return failed("not a regular file");
  if (!is_guarded_by_systemd) {
    if (auto why = posix::objection_to_secret_file(facts, posix::Readers::OwnerAlone); !why.empty())
      return failed(std::move(why));
  }
  Gathered gathered;
  while (!gathered.is_full()) {
    auto const n = gathered.read_from(file.get());
    if (n == 0) break;
    if (n < 0 && errno != EINTR) return failed(std::strerror(errno));
  }
  return first_line(gathered);
}

/// A program under way, its output on a pipe. Killed with all its children if it is still running
/// when this goes.
class Program {
 public:
  static Result<std::unique_ptr<Program>> start(std::vector<std::string> const& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(std::strerror(errno));
    auto program = std::unique_ptr<Program>(new Program(ends[0]));
    Descriptor const output(ends[1]);
    std::vector<char*> arguments;
    for (auto const& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    if (int const error = program->spawn(arguments, output.get()); error != 0)
      return failed(std::strerror(error));
    return program;
  }
  ~Program() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    (void)wait(status, 0);
  }
  Program(Program const&) = delete;
  Program& operator=(Program const&) = delete;

  [[nodiscard]] int output() const { return output_.get(); }
  /// Whether it has ended; `status` is waitpid's then.
  bool wait(int& status, int flags) {
    pid_t ended = 0;
    do ended = ::waitpid(pid_, &status, flags);
    while (ended < 0 && errno == EINTR);
    if (ended == 0) return false;
    pid_ = 0;
    return true;
  }

 private:
  explicit Program(int output) : output_(output) {}

  int spawn(std::vector<char*> const& arguments, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (int const error = posix_spawn_file_actions_init(&actions); error != 0) return error;
    if (int const error = posix_spawnattr_init(&attributes); error != 0) {
      posix_spawn_file_actions_destroy(&actions);
      return error;
    }
    sigset_t none;
    sigset_t usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    int error = 0;
    auto also = [&error](int result) {
      if (error == 0) error = result;
    };
    also(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    also(posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO));
    also(posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0));
    also(posix_spawnattr_setpgroup(&attributes, 0));
    also(posix_spawnattr_setsigmask(&attributes, &none));
    also(posix_spawnattr_setsigdefault(&attributes, &usual));
    also(posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    if (error == 0)
      error = ::posix_spawn(&pid_, arguments[0], &actions, &attributes, arguments.data(), environ);
    if (error != 0) pid_ = 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
  }

  Descriptor output_;
  pid_t pid_ = 0;
};

std::string words_for(int status) {
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  return fmt::format("it ended with {}", WEXITSTATUS(status));
}

}  // namespace

Result<Secret> read_secret_file(std::string const& name) {
  auto path = name;
  bool const is_credential = name.find('/') == std::string::npos;
  if (is_credential) {
    char const* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr)
      return failed(
          fmt::format("\"{}\" is no path, and systemd has passed no credentials "
                      "(LoadCredential={}:PATH in the service)",
                      name, name));
    path = fmt::format("{}/{}", directory, name);
  }
  auto secret = read_file(path, is_credential);
  if (!secret) return failed(fmt::format("\"{}\": {}", printable(path), secret.error().reason));
  return secret;
}

Result<Secret> read_secret_from(std::vector<std::string> const& command, Duration timeout,
                                std::atomic<bool> const& is_unwanted) {
  using Clock = std::chrono::steady_clock;
  constexpr auto look_up_every = std::chrono::milliseconds(100);
  auto const name = printable(command.front());
  auto const program = Program::start(command);
  if (!program) return failed(fmt::format("\"{}\": {}", name, program.error().reason));
  auto const until = Clock::now() + timeout;
  Gathered gathered;
  bool has_output = true;
  int status = 0;
  while (true) {
    if (is_unwanted) return failed("mailpoold is stopping");
    if (Clock::now() >= until)
      return failed(
          fmt::format("\"{}\": it took longer than {} (command_timeout)", name, to_text(timeout)));
    if (!has_output && (*program)->wait(status, WNOHANG)) break;
    pollfd waiting{(*program)->output(), POLLIN, 0};
    // A program that has closed its output still has to end; there is nothing to poll for then.
    (void)::poll(&waiting, has_output ? 1 : 0,
                 has_output ? static_cast<int>(look_up_every.count()) : 10);
    if (!has_output || waiting.revents == 0) continue;
    auto const n = gathered.read_from((*program)->output());
    if (gathered.is_full()) return failed(fmt::format("\"{}\": more than 64 KiB of output", name));
    if (n == 0 || (n < 0 && errno != EINTR)) has_output = false;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return failed(fmt::format("\"{}\": {}", name, words_for(status)));
  auto secret = first_line(gathered);
  if (!secret) return failed(fmt::format("the output of \"{}\": {}", name, secret.error().reason));
  return secret;
}

}  // namespace mailpool::manager

#include "poolctl/command_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

extern char** environ;

namespace mailpool::poolctl {

namespace {

constexpr std::size_t most_output = std::size_t{16} << 20U;

struct Pipe {
  int read = -1;
  int write = -1;

  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
      read = ends[0];
      write = ends[1];
    }
  }
  Pipe(Pipe const&) = delete;
  Pipe& operator=(Pipe const&) = delete;
  ~Pipe() {
    close_end(read);
    close_end(write);
  }
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
};

std::string find_program(std::string const& name) {
  if (name.find('/') != std::string::npos) return name;
  std::string const path = std::string(::getenv("PATH") != nullptr ? ::getenv("PATH") : "") +
                           ":/usr/sbin:/usr/bin:/sbin:/bin";
  for (std::size_t start = 0; start <= path.size();) {
    auto const end = std::min(path.find(':', start), path.size());
    auto const candidate = path.substr(start, end - start) + "/" + name;
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    start = end + 1;
  }
  return name;
}

// Whole lines go to the visitor; at the end what is left is one too.
void hand_on_lines(std::string& output, bool is_over, CommandRunner::LineVisitor const& visitor) {
  std::size_t from = 0;
  for (auto end = output.find('\n'); end != std::string::npos; end = output.find('\n', from)) {
    visitor(std::string_view(output).substr(from, end - from));
    from = end + 1;
  }
  output.erase(0, from);
  if (!is_over || output.empty()) return;
  visitor(output);
  output.clear();
}

// Feeds and drains at once: neither side can block the other for good.
void converse(std::string_view input, Pipe& in, Pipe& out, Pipe& err, CommandResult& result,
              CommandRunner::LineVisitor const* visitor) {
  ::fcntl(in.write, F_SETFL, O_NONBLOCK);
  if (input.empty()) Pipe::close_end(in.write);
  while (out.read >= 0 || err.read >= 0) {
    std::array<pollfd, 3> wanted{pollfd{in.write, POLLOUT, 0}, pollfd{out.read, POLLIN, 0},
                                 pollfd{err.read, POLLIN, 0}};
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) break;
    if (wanted[0].revents != 0) {
      ssize_t const written = ::write(in.write, input.data(), input.size());
      if (written > 0) input.remove_prefix(static_cast<std::size_t>(written));
      if (input.empty() || (written < 0 && errno != EAGAIN && errno != EINTR))
        Pipe::close_end(in.write);
    }
    auto const drain = [](short events, int& end, std::string& into) {
      if (events == 0) return;
      std::array<char, 65536> octets;
      ssize_t const size = ::read(end, octets.data(), octets.size());
      if (size > 0 && into.size() < most_output)
        into.append(octets.data(), static_cast<std::size_t>(size));
      if (size == 0 || (size < 0 && errno != EINTR)) Pipe::close_end(end);
    };
    drain(wanted[1].revents, out.read, result.output);
    if (visitor != nullptr) hand_on_lines(result.output, out.read < 0, *visitor);
    drain(wanted[2].revents, err.read, result.errors);
  }
}

}  // namespace

CommandResult CommandRunner::stream(std::vector<std::string> const& words,
                                    LineVisitor const& visitor) {
  auto result = run(words, {});
  hand_on_lines(result.output, true, visitor);
  return result;
}

CommandResult SystemCommands::run(std::vector<std::string> const& words, std::string const& input) {
  return run(words, input, nullptr);
}

CommandResult SystemCommands::stream(std::vector<std::string> const& words,
                                     LineVisitor const& visitor) {
  return run(words, {}, &visitor);
}

CommandResult SystemCommands::run(std::vector<std::string> const& words, std::string const& input,
                                  LineVisitor const* visitor) {
  CommandResult result;
  Pipe in;
  Pipe out;
  Pipe err;
  auto const program = find_program(words.at(0));
  std::vector<char*> arguments;
  for (auto const& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.read, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.write, 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.write, 2);
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  pid_t child = 0;
  int const trouble =
      ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  Pipe::close_end(in.read);
  Pipe::close_end(out.write);
  Pipe::close_end(err.write);
  if (trouble == 0) {
    converse(input, in, out, err, result, visitor);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  } else {
    result.exit_code = 127;
    result.errors = words[0] + ": " + std::strerror(trouble);
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  return result;
}

std::string quoted(std::vector<std::string> const& words) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  std::string line;
  for (auto const& word : words) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (char const c : word) c == '\'' ? line += "'\\''" : line += c;
    line += '\'';
  }
  return line;
}

}  // namespace mailpool::poolctl

#include "fakemx/control.h"

#include <event2/buffer.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

constexpr std::size_t most_command = std::size_t{64} << 10U;

using Done = tl::expected<void, std::vector<std::string>>;

std::string answer(Done const& done) {
  if (done) return "ok";
  return fmt::format("error: {}", fmt::join(done.error(), " | "));
}

std::string run_stats(Service& service, std::string_view) {
  return service.stats.to_json(service.provider, net::monotonic_now());
}

std::string run_reset(Service& service, std::string_view) {
  service.stats.reset(net::monotonic_now());
  service.provider.violations = {};
  service.provider.reset_uses();
  return "ok";
}

std::string run_script(Service& service, std::string_view argument) {
  return answer(use_script_file(service, std::string(argument)));
}

std::string run_rule(Service& service, std::string_view argument) {
  return answer(use_script(service, argument, "rule", true));
}

std::string run_set(Service& service, std::string_view argument) {
  return answer(use_script(service, "set " + std::string(argument), "set", true));
}

std::string run_clear(Service& service, std::string_view) {
  service.rules.replace({});
  return "ok";
}

std::string run_quit(Service& service, std::string_view) {
  timeval const soon{0, 20'000};  // the answer leaves first
  event_base_loopexit(service.base, &soon);
  return "ok";
}

struct CommandRow {
  std::string_view name;
  std::string (*run)(Service& service, std::string_view argument);
};
constexpr CommandRow commands[] = {
    {"stats", run_stats}, {"reset", run_reset}, {"script", run_script}, {"rule", run_rule},
    {"set", run_set},     {"clear", run_clear}, {"quit", run_quit}};

}  // namespace

std::string_view control_help() {
  return R"(Commands of the control socket, a line each; the answer is a line: JSON, "ok" or "error: ..."
  stats           the figures as JSON
  reset           all figures begin at 0
  script FILE     the rules of FILE instead of those there are, and its settings
  rule RULE       one more rule, behind all others
  clear           no rules
  set NAME VALUE  a setting, as the flag of that name
  quit            ends fakemx
)";
}

Done use_script(Service& service, std::string_view text, std::string_view name, bool append) {
  auto script = parse_script(text, name);
  if (!script) return tl::make_unexpected(std::move(script.error()));
  for (auto const& [setting, value] : script->changes)
    if (auto const changed = change(service.settings, setting, value); !changed)
      return tl::make_unexpected(std::vector{changed.error().reason});
  if (append)
    service.rules.append(std::move(script->rules));
  else
    service.rules.replace(std::move(script->rules));
  return {};
}

Done use_script_file(Service& service, std::string const& path) {
  std::ifstream file(path);
  if (!file)
    return tl::make_unexpected(std::vector{fmt::format("{}: {}", path, std::strerror(errno))});
  std::ostringstream text;
  text << file.rdbuf();
  return use_script(service, text.str(), path, false);
}

std::string execute(Service& service, std::string_view line) {
  line = trimmed(line);
  auto const blank = std::min(line.find(' '), line.size());
  auto const name = line.substr(0, blank);
  for (auto const& row : commands)
    if (row.name == name) return row.run(service, trimmed(line.substr(blank)));
  return fmt::format(
      "error: there is no command \"{}\"; stats, reset, script, rule, clear, set and quit are",
      printable(name, 40));
}

Result<void> Control::listen(net::Endpoint& endpoint) {
  auto fd = net::listen_on(endpoint);
  if (!fd) return tl::make_unexpected(fd.error());
  fd_ = std::move(*fd);
  endpoint.learn_port(fd_.get());
  event_.reset(event_new(service_.base, fd_.get(), EV_READ | EV_PERSIST, on_connection, this));
  event_add(event_.get(), nullptr);
  return {};
}

void Control::on_connection(evutil_socket_t fd, short, void* self) {
  auto& control = *static_cast<Control*>(self);
  auto const accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted < 0) return;
  auto* const client =
      bufferevent_socket_new(control.service_.base, accepted, BEV_OPT_CLOSE_ON_FREE);
  control.clients_.emplace(client, client);
  bufferevent_setcb(client, on_readable, nullptr, on_end, self);
  bufferevent_enable(client, EV_READ | EV_WRITE);
}

void Control::on_readable(bufferevent* client, void* self) {
  auto& control = *static_cast<Control*>(self);
  auto* const input = bufferevent_get_input(client);
  std::size_t length = 0;
  while (char* const line = evbuffer_readln(input, &length, EVBUFFER_EOL_CRLF)) {
    auto reply = execute(control.service_, {line, length});
    std::free(line);
    reply += '\n';
    bufferevent_write(client, reply.data(), reply.size());
  }
  if (evbuffer_get_length(input) > most_command) control.clients_.erase(client);
}

void Control::on_end(bufferevent* client, short, void* self) {
  static_cast<Control*>(self)->clients_.erase(client);
}

Result<std::string> ask(net::Endpoint const& endpoint, std::string_view command) {
  auto fd = net::connect_to(endpoint);
  if (!fd) return tl::make_unexpected(fd.error());
  auto const wait = [&](short what) {
    pollfd ready{fd->get(), what, 0};
    return poll(&ready, 1, 10'000) == 1;
  };
  auto const line = std::string(command) + "\n";
  if (!wait(POLLOUT) ||
      send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return failed("cannot send to " + endpoint.to_string());
  std::string reply;
  while (!reply.ends_with('\n')) {
    char some[4096];
    auto const n = wait(POLLIN) ? recv(fd->get(), some, sizeof some, 0) : -1;
    if (n <= 0) return failed("no answer from " + endpoint.to_string());
    reply.append(some, static_cast<std::size_t>(n));
  }
  return reply;
}

}  // namespace mailpool::fakemx

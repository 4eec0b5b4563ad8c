#pragma once
// One-line commands that look at, and change, a running server.

#include <event2/bufferevent.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fakemx/service.h"
#include "net/endpoint.h"

namespace mailpool::fakemx {

/// Puts a script in force: its settings, and its rules instead of (`append`: behind) those there
/// are. Fails with every mistake of the script; then nothing has changed.
[[nodiscard]] tl::expected<void, std::vector<std::string>> use_script(Service& service,
                                                                      std::string_view text,
                                                                      std::string_view name,
                                                                      bool append);
[[nodiscard]] tl::expected<void, std::vector<std::string>> use_script_file(Service& service,
                                                                           std::string const& path);

/// The one-line answer to a command: JSON, "ok", or "error: ...".
[[nodiscard]] std::string execute(Service& service, std::string_view line);

/// What execute() knows, for the help.
[[nodiscard]] std::string_view control_help();

/// Listens for commands, a line each, and answers with a line each.
class Control {
 public:
  explicit Control(Service& service) : service_(service) {}

  [[nodiscard]] Result<void> listen(net::Endpoint& endpoint);

 private:
  struct BufferDeleter {
    void operator()(bufferevent* b) const { bufferevent_free(b); }
  };

  static void on_connection(evutil_socket_t fd, short, void* self);
  static void on_readable(bufferevent* client, void* self);
  static void on_end(bufferevent* client, short, void* self);

  Service& service_;
  net::Fd fd_;
  net::Event event_;
  std::map<bufferevent*, std::unique_ptr<bufferevent, BufferDeleter>> clients_;
};

/// Sends one command to a control socket and returns the answer.
[[nodiscard]] Result<std::string> ask(net::Endpoint const& endpoint, std::string_view command);

}  // namespace mailpool::fakemx

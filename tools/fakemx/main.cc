// fakemx: a scripted SMTP and LMTP server for tests and load tests.
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <new>

#include "fakemx/control.h"
#include "fakemx/options.h"
#include "fakemx/server.h"

namespace mailpool::fakemx {
namespace {

constexpr int usage_error = 2;

int complain(std::string_view what) {
  fmt::print(stderr, "fakemx: {}\n", what);
  return usage_error;
}

/// All that runs, in the order in which it may be taken apart.
class Program {
 public:
  explicit Program(Options const& options) : options_(options), base_(net::make_event_base()) {
    service_.base = base_.get();
    service_.lmtp = options.lmtp;
    service_.log_all = options.log_all;
    service_.rules = RuleBook(options.seed);
    service_.journal.save_bodies_in(options.save);
  }

  int run() {
    if (auto const ready = prepare(); !ready) return complain(ready.error().reason);
    watch_signals();
    server_ = std::make_unique<Server>(service_);
    for (auto const& text : options_.listen)
      if (auto const listening = listen(text); !listening)
        return complain(listening.error().reason);
    event_base_dispatch(base_.get());
    write_stats();
    for (auto const& path : sockets_) unlink(path.c_str());
    return 0;
  }

 private:
  Result<void> prepare() {
    for (auto const& [name, value] : options_.settings)
      if (auto const changed = change(service_.settings, name, value); !changed)
        return tl::make_unexpected(changed.error());
    if (!options_.script.empty())
      if (auto const used = use_script_file(service_, options_.script); !used)
        return failed(fmt::format("the script has mistakes\n{}", fmt::join(used.error(), "\n")));
    if (!options_.log.empty())
      if (auto opened = service_.journal.open_log(options_.log); !opened) return opened;
    if (!options_.trace.empty())
      if (auto opened = service_.journal.open_trace(options_.trace); !opened) return opened;
    auto context = make_context(options_.tls);
    if (!context) return tl::make_unexpected(context.error());
    service_.tls = std::move(*context);
    if (options_.control.empty()) return {};
    auto endpoint = net::Endpoint::parse(options_.control);
    if (!endpoint) return tl::make_unexpected(endpoint.error());
    auto listening = control_.listen(*endpoint);
    if (listening) announce("control", *endpoint);
    return listening;
  }

  Result<void> listen(std::string const& text) {
    auto endpoint = net::Endpoint::parse(text);
    if (!endpoint) return tl::make_unexpected(endpoint.error());
    auto listening = server_->listen(*endpoint, options_.receive_buffer);
    if (listening) announce("listening", *endpoint);
    return listening;
  }

  void announce(std::string_view what, net::Endpoint const& endpoint) {
    if (endpoint.is_unix()) sockets_.push_back(endpoint.to_string());
    fmt::print("{} {}\n", what, endpoint.to_string());
    std::fflush(stdout);
  }

  void watch_signals() {
    auto const watch = [this](int number, event_callback_fn callback) {
      signals_.emplace_back(evsignal_new(base_.get(), number, callback, this));
      event_add(signals_.back().get(), nullptr);
    };
    auto const stop = [](evutil_socket_t, short, void* self) {
      event_base_loopbreak(static_cast<Program*>(self)->base_.get());
    };
    watch(SIGTERM, stop);
    watch(SIGINT, stop);
    watch(SIGUSR1,
          [](evutil_socket_t, short, void* self) { static_cast<Program*>(self)->write_stats(); });
    signal(SIGPIPE, SIG_IGN);
  }

  /// Whole or not at all, for readers that do not wait.
  void write_stats() const {
    if (options_.stats_file.empty()) return;
    auto const unfinished = options_.stats_file + ".part";
    std::ofstream(unfinished) << service_.stats.to_json(service_.provider, net::monotonic_now())
                              << '\n';
    if (rename(unfinished.c_str(), options_.stats_file.c_str()) != 0)
      complain("cannot write " + options_.stats_file);
  }

  Options const& options_;
  net::EventBase base_;
  Service service_;
  Control control_{service_};
  std::unique_ptr<Server> server_;
  std::vector<net::Event> signals_;
  std::vector<std::string> sockets_;  ///< paths to remove at the end
};

int ask_and_print(Options const& options) {
  auto const endpoint = net::Endpoint::parse(options.ask);
  if (!endpoint) return complain(endpoint.error().reason);
  auto const reply = ask(*endpoint, options.command);
  if (!reply) return complain(reply.error().reason);
  fmt::print("{}", *reply);
  return reply->starts_with("error") ? 1 : 0;
}

void allow_many_connections() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace
}  // namespace mailpool::fakemx

int main(int argc, char** argv) try {
  using namespace mailpool::fakemx;
  auto const [options, status] = parse_options(argc, argv);
  if (!options) return status;
  if (!options->ask.empty()) return ask_and_print(*options);
  allow_many_connections();
  return Program(*options).run();
} catch (std::bad_alloc const&) {
  std::fputs("fakemx: out of memory\n", stderr);
  return 1;
}

#pragma once
// A network without sockets and a clock without time: transports whose other ends are scripted SMTP
// servers.

#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/delivery/network.h"

namespace mailpool::fakes {

class ManualClock final : public delivery::Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return now_; }
  [[nodiscard]] WallTime wall(TimePoint t) const override {
    return WallTime{} + std::chrono::duration_cast<WallTime::duration>(t.time_since_epoch());
  }
  TimePoint now_{std::chrono::hours(1000)};
};

/// The server's end of one connection: answers line by line as its script says, else as a good
/// server would.
class SimulatedServer {
 public:
  explicit SimulatedServer(delivery::TransportEvents& client, route::Target target)
      : events(&client), address(std::move(target)) {}

  delivery::TransportEvents* events;  ///< null once the client has closed
  route::Target address;
  std::string client;                 ///< the address it was connected from, "" for the kernel's
  std::string received;               ///< not yet understood
  std::vector<std::string> commands;  ///< all that came, "<body>" for content
  struct Sent {
    TimePoint arrives;
    std::string octets;
  };
  std::deque<Sent> to_send;
  TimePoint connects_at{};
  bool is_open = false;
  bool in_data = false;
  std::size_t bdat_left = 0;
  bool bdat_pending = false;
  bool hang_up = false;                        ///< after what is to be sent
  std::optional<tls::Plan> handshake;          ///< begun and not ended
  std::optional<pool::TlsSessionKey> session;  ///< whose sessions the handshake may resume
  bool may_be_resumed = false;                 ///< what the client says of its session
  bool offers_session = false;                 ///< what is said of a handshake that fails
};

/// How servers behave; tests replace what they need. An empty answer means silence; "\x04" means
/// hang up.
struct Behaviour {
  std::function<bool(route::Target const&)> accepts = [](auto const&) { return true; };
  /// SYNs to it are dropped.
  std::function<bool(route::Target const&)> drops = [](auto const&) { return false; };
  /// How long it takes to be connected.
  std::function<Duration(route::Target const&)> connects_after = [](auto const&) {
    return Duration::zero();
  };
  /// Why no socket can be made here; "" where they can.
  std::string no_socket;
  std::string greeting = "220 mx ESMTP\r\n";
  /// How long it takes to greet, beside latency.
  std::function<Duration(route::Target const&)> greets_after = [](auto const&) {
    return Duration::zero();
  };
  std::string ehlo = "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 CHUNKING\r\n";
  std::function<std::string(SimulatedServer&, std::string const& line)>
      answer;  ///< nullopt-like: return "?" for the default
  /// What a handshake shows; nothing: it fails.
  std::function<std::optional<tls::Facts>(route::Target const&, tls::Plan const&)> tls;
};

class SimulatedTransport final : public delivery::Transport {
 public:
  explicit SimulatedTransport(std::shared_ptr<SimulatedServer> server)
      : server_(std::move(server)) {}
  ~SimulatedTransport() override { server_->events = nullptr; }
  void wake() override {}
  void begin_tls(tls::Plan const& plan, std::optional<pool::TlsSessionKey> session) override {
    server_->handshake = plan;
    server_->session = std::move(session);
  }
  [[nodiscard]] bool is_resuming() const override { return server_->offers_session; }
  [[nodiscard]] IpAddress local_address() const override { return IpAddress::v4({192, 0, 2, 99}); }

 private:
  std::shared_ptr<SimulatedServer> server_;
};

class SimulatedNetwork final : public delivery::Network {
 public:
  explicit SimulatedNetwork(ManualClock& clock) : clock_(clock) {}

  std::unique_ptr<delivery::Transport> connect(route::Target const& target, IpAddress const* source,
                                               std::vector<IpNetwork> const&,
                                               delivery::TransportEvents& events) override {
    servers.push_back(std::make_shared<SimulatedServer>(events, target));
    if (source != nullptr) servers.back()->client = source->to_string();
    servers.back()->connects_at = clock_.now() + behaviour.connects_after(target);
    most_open = std::max(most_open, open());
    return std::make_unique<SimulatedTransport>(servers.back());
  }

  /// Moves octets until nothing moves any more. True if something did.
  bool settle() {
    bool any = false;
    for (bool moved = true; moved;) {
      moved = false;
      auto const all = servers;
      for (auto const& server : all) moved |= step(*server);
      any |= moved;
    }
    return any;
  }

  [[nodiscard]] std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(
        servers.begin(), servers.end(), [](auto const& s) { return s->events != nullptr; }));
  }
  [[nodiscard]] TimePoint deadline() const {
    auto next = never;
    for (auto const& s : servers)
      if (s->events != nullptr)
        next = std::min({next, s->events->deadline(), arrival(*s), connection(*s)});
    return next;
  }
  void expire() {
    auto const all = servers;
    for (auto const& s : all)
      if (s->events != nullptr && s->events->deadline() <= clock_.now())
        s->events->on_deadline(clock_.now());
  }
  /// The server ends the connection, or says something unasked.
  void hang_up(SimulatedServer& server) {
    if (server.events != nullptr)
      server.events->on_disconnected("the server closed the connection", clock_.now());
  }
  void say(SimulatedServer& server, std::string_view octets) {
    if (server.events != nullptr) server.events->on_received(octets, clock_.now());
  }

  Behaviour behaviour;
  std::vector<std::shared_ptr<SimulatedServer>> servers;
  std::size_t most_open = 0;
  bool silent_connects = false;  ///< SYNs are dropped
  Duration latency{};            ///< from what a server has understood to the arrival of its reply

 private:
  bool step(SimulatedServer& server) {
    if (server.events == nullptr) return false;
    if (!server.is_open) return begin(server);
    if (server.handshake) return shake_hands(server);
    if (pull(server)) return true;
    if (!server.to_send.empty() && server.to_send.front().arrives <= clock_.now()) {
      auto const text = std::move(server.to_send.front().octets);
      server.to_send.pop_front();
      if (text == "\x04") {
        hang_up(server);
      } else {
        say(server, text);
      }
      return true;
    }
    return false;
  }

  bool shake_hands(SimulatedServer& server) {
    if (!behaviour.tls || !server.to_send.empty()) return false;
    auto const plan = *std::exchange(server.handshake, std::nullopt);
    if (auto const facts = behaviour.tls(server.address, plan)) {
      server.may_be_resumed = server.events->on_tls_established(*facts, clock_.now());
    } else {
      server.events->on_tls_failed("handshake failure", clock_.now());
    }
    return true;
  }

  bool begin(SimulatedServer& server) {
    if (!behaviour.no_socket.empty()) {
      server.events->on_no_socket(behaviour.no_socket, clock_.now());
      server.events = nullptr;
      return true;
    }
    if (silent_connects || behaviour.drops(server.address)) return false;
    if (server.connects_at > clock_.now()) return false;
    if (!behaviour.accepts(server.address)) {
      server.events->on_disconnected("Connection refused", clock_.now());
      server.events = nullptr;
      return true;
    }
    server.is_open = true;
    server.events->on_connected(clock_.now());
    reply(server, behaviour.greeting, behaviour.greets_after(server.address));
    return true;
  }

  bool pull(SimulatedServer& server) {
    auto const output = server.events->output(clock_.now());
    if (output.count == 0) return false;
    for (std::size_t i = 0; i < output.count; ++i) server.received += output.pieces[i];
    server.events->written(output.size(), clock_.now());
    while (server.events != nullptr && understand(server)) {
    }
    return true;
  }

  bool understand(SimulatedServer& server) {
    auto& in = server.received;
    if (server.bdat_pending) {
      if (in.size() < server.bdat_left) return false;
      in.erase(0, server.bdat_left);
      server.bdat_pending = false;
      return handle(server, "<body>");
    }
    if (server.in_data) {
      auto const end = in.starts_with(".\r\n") ? 0 : in.find("\r\n.\r\n");
      if (end == std::string::npos) return false;
      in.erase(0, end == 0 && in.starts_with(".\r\n") ? 3 : end + 5);
      server.in_data = false;
      return handle(server, "<body>");
    }
    auto const end = in.find("\r\n");
    if (end == std::string::npos) return false;
    auto const line = in.substr(0, end);
    in.erase(0, end + 2);
    if (line.starts_with("BDAT ")) {
      server.bdat_left = std::stoul(line.substr(5));
      server.bdat_pending = true;
      return true;
    }
    return handle(server, line);
  }

  bool handle(SimulatedServer& server, std::string const& line) {
    server.commands.push_back(line);
    std::string text = "?";
    if (behaviour.answer) text = behaviour.answer(server, line);
    if (text == "?") text = usual(server, line);
    if (line == "DATA" && text.starts_with("354")) server.in_data = true;
    reply(server, text);
    return true;
  }

  std::string usual(SimulatedServer&, std::string const& line) const {
    if (line.starts_with("EHLO")) return behaviour.ehlo;
    if (line == "DATA") return "354 go on\r\n";
    if (line == "QUIT") return "221 bye\r\n\x04";
    return "250 2.0.0 OK\r\n";
  }

  void reply(SimulatedServer& server, std::string text, Duration longer = {}) const {
    auto const arrives = clock_.now() + latency + longer;
    bool const ends = text.ends_with('\x04');
    if (ends) text.pop_back();
    if (!text.empty()) server.to_send.push_back({arrives, text});
    if (ends) server.to_send.push_back({arrives, "\x04"});
  }
  TimePoint connection(SimulatedServer const& server) const {
    return server.connects_at > clock_.now() ? server.connects_at : never;
  }
  static TimePoint arrival(SimulatedServer const& server) {
    return server.to_send.empty() ? never : server.to_send.front().arrives;
  }

  ManualClock& clock_;
};

}  // namespace mailpool::fakes

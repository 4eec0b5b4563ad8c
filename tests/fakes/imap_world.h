#pragma once
// IMAP servers and programs in memory, under a made-up clock, with a profile between them.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/imap/profile.h"

namespace mailpool::tests {

class ImapWorld final : public imap::Dialer, public imap::Entropy, public imap::Memory, public Log {
 public:
  /// What a server says and does; tests change it as they go.
  struct Server {
    std::map<std::string, std::string> passwords{{"anna", "a-secret"}, {"bert", "b-secret"}};
    std::string capabilities = "IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN UNSELECT IDLE ENABLE";
    std::string refusal = "[AUTHENTICATIONFAILED] Authentication failed.";
    unsigned most_logins = 1000;  ///< beyond so many connections it says [LIMIT]
    std::string greeting;         ///< instead of the ordinary one
    Duration login_time{};
    bool accepts = true;  ///< else connecting fails
    bool answers = true;  ///< else it is a black hole
    unsigned logins = 0;
    unsigned refused = 0;
    unsigned put_off = 0;
    unsigned opened = 0;
    unsigned open = 0;
    unsigned most_open = 0;
    std::vector<std::string> commands;  ///< all that came after the logins, without tags
    std::vector<std::pair<std::string, std::string>> said;  ///< the same, with whom it came from
    std::map<std::string, std::string> answers_to;  ///< instead of the ordinary; "": silence
  };

  /// One end of a connection in the test's hands.
  struct Line {
    imap::ChannelEvents* events = nullptr;  ///< null once the pool has closed it
    std::string host;                       ///< of a server's
    std::string heard;                      ///< by the test's end
    std::string unread;
    std::string user;  ///< who is logged in on a server's
    std::vector<std::pair<TimePoint, std::string>> replies;
    bool is_open = false;
    bool ends = false;
    bool is_unread = false;  ///< something has come that the loop has not looked at yet
    bool reads = true;       ///< else what it is told stays with the pool
  };

  struct Program {
    std::shared_ptr<Line> line;
    imap::Client* client = nullptr;
  };

  explicit ImapWorld(ImapSettings settings, std::string authorities = "")
      : context(*this, *this, *this, *this) {
    for (auto const& server : settings.server) servers[server.host];
    profile = std::make_unique<imap::Profile>(std::move(settings), std::move(authorities), context);
  }
  ~ImapWorld() override { profile.reset(); }

  static ImapSettings settings() {
    ImapSettings s;
    s.name = "test";
    s.server = {{"one.example", 993}};
    return s;
  }

  Program connect(imap::Peer peer = {42, 1000, true}) {
    Program program;
    program.line = std::make_shared<Line>();
    program.client = &profile->admit(peer, now);
    program.line->events = program.client;
    program.line->is_open = true;
    program.client->attach(std::make_unique<Handle>(program.line));
    program.client->begin(std::nullopt, now);
    programs_.push_back(program.line);
    turn();
    return program;
  }
  Program log_in(std::string const& user, std::string const& password) {
    auto program = connect();
    say(program, "a LOGIN " + user + " " + password + "\r\n");
    return program;
  }
  /// What it heard since it was last asked.
  std::string say(Program& program, std::string_view octets) {
    program.line->heard.clear();
    if (program.line->events != nullptr) program.line->events->on_input(octets, now);
    turn();
    return program.line->heard;
  }
  void vanish(Program& program) {
    if (program.line->events != nullptr) program.line->events->on_end("gone", true, now);
    turn();
  }
  static bool is_in(Program const& program) {
    return program.line->heard.find("a OK") != std::string::npos;
  }

  void advance(Duration d) {
    auto const until = now + d;
    while (now < until) {
      now = std::min(until, next_moment());
      for (auto const& line : all())
        if (line->events != nullptr && line->is_open && line->events->deadline() <= now)
          line->events->on_deadline(now);
      for (auto const& line : dialled_)
        if (line->events != nullptr && !line->is_open && line->events->deadline() <= now)
          line->events->on_deadline(now);
      turn();
    }
  }

  /// Until nobody has anything to say at this moment.
  void turn() {
    for (unsigned i = 0; i < 200; ++i) {
      bool has_moved = false;
      if (profile->has_work() || profile->deadline() <= now) {
        profile->run(now);
        has_moved = true;
      }
      for (auto const& line : all()) has_moved |= move(*line);
      if (!has_moved) break;
    }
    profile->sweep();
  }

  [[nodiscard]] Server& server(std::string const& host = "one.example") { return servers[host]; }
  [[nodiscard]] imap::UserPool const* user(std::string const& name) const {
    for (auto const& [key, pool] : profile->users())
      if (key.user == name) return pool.get();
    return nullptr;
  }
  [[nodiscard]] std::uint64_t discarded(std::string const& name, imap::Discard reason) const {
    auto const* pool = user(name);
    return pool == nullptr ? 0 : pool->discarded[static_cast<std::size_t>(reason)];
  }
  /// Something that a server says unasked, on every connection to it.
  void server_says(std::string_view octets) {
    for (auto const& line : dialled_)
      if (line->events != nullptr) line->events->on_input(octets, now);
    turn();
  }
  /// The same, as it is before the loop has looked at it.
  void something_has_come() {
    for (auto const& line : dialled_) line->is_unread = true;
  }
  void servers_hang_up() {
    for (auto const& line : dialled_)
      if (line->events != nullptr) line->events->on_end("the connection was closed", true, now);
    turn();
  }

  // imap::Dialer
  std::unique_ptr<imap::Channel> dial(ImapSettings const&, ImapServer const& to,
                                      imap::ChannelEvents& events) override {
    auto line = std::make_shared<Line>();
    line->events = &events;
    line->host = to.host;
    dialled_.push_back(line);
    return std::make_unique<Handle>(line);
  }
  // imap::Entropy
  void fill(std::span<std::uint8_t> octets) override {
    for (auto& octet : octets)
      octet = static_cast<std::uint8_t>((state_ = state_ * 69069 + 1) >> 16U);
  }
  // imap::Memory
  std::optional<std::string> capabilities(std::string const& place) override {
    auto const found = kept_capabilities.find(place);
    return found == kept_capabilities.end() ? std::nullopt : std::optional(found->second);
  }
  void keep_capabilities(std::string const& place, std::string record) override {
    kept_capabilities[place] = std::move(record);
  }
  // Log
  void write(LogLevel, std::string line) override { log.push_back(std::move(line)); }
  [[nodiscard]] bool is_on(LogLevel) const override { return true; }

  TimePoint now{std::chrono::hours(1)};
  std::map<std::string, Server> servers;
  std::vector<std::string> log;
  std::map<std::string, std::string> kept_capabilities;
  std::string no_socket;           ///< why none can be made here, "" where they can
  std::size_t without_socket = 0;  ///< so often it was tried in vain
  imap::Context context;
  std::unique_ptr<imap::Profile> profile;

 private:
  class Handle final : public imap::Channel {
   public:
    explicit Handle(std::shared_ptr<Line> line) : line_(std::move(line)) {}
    ~Handle() override { line_->events = nullptr; }
    void wake() override {}
    void begin_tls() override {}
    [[nodiscard]] bool has_unread() const override { return line_->is_unread; }
    void hand_over(imap::ChannelEvents& events) override { line_->events = &events; }

   private:
    std::shared_ptr<Line> line_;
  };

  std::vector<std::shared_ptr<Line>> all() {
    std::erase_if(programs_, [](auto const& line) { return line->events == nullptr; });
    for (auto const& line : dialled_)
      if (line->events == nullptr && line->is_open) {
        line->is_open = false;
        --servers[line->host].open;
      }
    std::erase_if(dialled_, [](auto const& line) { return line->events == nullptr; });
    auto lines = programs_;
    lines.insert(lines.end(), dialled_.begin(), dialled_.end());
    return lines;
  }

  TimePoint next_moment() {
    auto next = profile->deadline();
    for (auto const& line : all()) {
      next = std::min(next, line->events->deadline());
      for (auto const& [when, text] : line->replies) next = std::min(next, when);
    }
    return std::max(next, now + std::chrono::milliseconds(1));
  }

  bool move(Line& line) {
    if (line.events == nullptr) return false;
    bool const is_server = !line.host.empty();
    if (is_server && !line.is_open) return open(line);
    bool has_moved = false;
    if (auto& outbox = line.events->outbox(); line.reads && !outbox.is_empty()) {
      std::string const octets(outbox.unsent());
      outbox.taken(octets.size());
      has_moved = true;
      (is_server ? line.unread : line.heard) += octets;
      line.events->on_written(now);
    }
    if (!is_server || line.events == nullptr) return has_moved;
    while (line.events != nullptr && serve(line)) has_moved = true;
    while (line.events != nullptr && !line.replies.empty() && line.replies.front().first <= now) {
      auto const text = line.replies.front().second;
      line.replies.erase(line.replies.begin());
      line.is_unread = false;
      line.events->on_input(text, now);
      has_moved = true;
    }
    if (line.events != nullptr && line.ends && line.replies.empty()) {
      line.events->on_end("the connection was closed", true, now);
      has_moved = true;
    }
    return has_moved;
  }

  bool open(Line& line) {
    auto& server = servers[line.host];
    if (!no_socket.empty()) {
      ++without_socket;
      line.events->on_no_socket(no_socket, now);
      return true;
    }
    if (!server.accepts) {
      line.events->on_end("Connection refused", true, now);
      return true;
    }
    if (!server.answers) return false;
    line.is_open = true;
    ++server.opened;
    server.most_open = std::max(server.most_open, ++server.open);
    line.events->on_open("192.0.2.1", now);
    reply(line,
          server.greeting.empty() ? "* OK [CAPABILITY " + server.capabilities + "] ready\r\n"
                                  : server.greeting,
          {});
    line.ends = !server.greeting.empty();
    return true;
  }

  void reply(Line& line, std::string text, Duration later) {
    line.replies.emplace_back(now + later, std::move(text));
  }

  bool serve(Line& line) {
    auto& server = servers[line.host];
    auto const end = line.unread.find("\r\n");
    if (end == std::string::npos || !server.answers) return false;
    auto const text = line.unread.substr(0, end);
    line.unread.erase(0, end + 2);
    if (text == "DONE") return true;
    auto const words = split(text, ' ');
    auto const tag = std::string(words[0]);
    auto const name = words.size() > 1 ? ascii_upper(words[1]) : std::string();
    if (name == "AUTHENTICATE" && !line.user.empty()) {
      reply(line, tag + " BAD already logged in\r\n", {});
      return true;
    }
    if (name == "AUTHENTICATE") {
      auto const message = from_base64(words.at(3)).value();
      auto const parts = split(message, '\0');
      auto const known =
          server.passwords.find(parts.size() == 3 ? std::string(parts[1]) : std::string());
      if (server.open > server.most_logins) {
        ++server.put_off;
        reply(line, tag + " NO [LIMIT] That is enough\r\n", {});
        return true;
      }
      bool const is_right =
          parts.size() == 3 && known != server.passwords.end() && known->second == parts.at(2);
      ++(is_right ? server.logins : server.refused);
      if (is_right) line.user = known->first;
      reply(line,
            is_right ? tag + " OK [CAPABILITY " + server.capabilities + "] in\r\n"
                     : tag + " NO " + server.refusal + "\r\n",
            server.login_time);
      return true;
    }
    server.commands.push_back(words.size() > 1 ? text.substr(tag.size() + 1) : text);
    server.said.emplace_back(line.user, server.commands.back());
    if (auto const other = server.answers_to.find(name); other != server.answers_to.end()) {
      if (!other->second.empty()) reply(line, tag + " " + other->second + "\r\n", {});
    } else if (name == "UNAUTHENTICATE") {
      line.user.clear();
      reply(line, tag + " OK done\r\n", {});
    } else if (name == "CAPABILITY") {
      reply(line, "* CAPABILITY " + server.capabilities + "\r\n" + tag + " OK done\r\n", {});
    } else if (name == "LOGOUT") {
      reply(line, "* BYE\r\n" + tag + " OK\r\n", {});
      line.ends = true;
    } else if (name == "IDLE") {
      reply(line, "+ idling\r\n", {});
    } else {
      reply(line, tag + " OK done\r\n", {});
    }
    return true;
  }

  std::vector<std::shared_ptr<Line>> programs_;
  std::vector<std::shared_ptr<Line>> dialled_;
  std::uint32_t state_ = 1;
};

}  // namespace mailpool::tests

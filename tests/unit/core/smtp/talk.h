#pragma once
// A conversation as a story: what the server says, what the session has sent, what came of it. The
// kernel is the test itself.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/smtp/session.h"

namespace mailpool::smtp::testing {

using namespace std::chrono_literals;

/// A body in memory, or in a "file" that can be cut short.
class FakeStorage final : public BodyStorage {
 public:
  explicit FakeStorage(std::string octets, bool in_memory = true)
      : octets_(std::move(octets)), in_memory_(in_memory) {}
  Append append(std::string_view) override { return Append::Ok; }
  [[nodiscard]] std::uint64_t size() const override { return octets_.size(); }
  [[nodiscard]] std::string_view memory() const override {
    return in_memory_ ? std::string_view(octets_) : std::string_view{};
  }
  [[nodiscard]] std::ptrdiff_t read(std::uint64_t offset, std::span<char> to) const override {
    if (offset >= unreadable_from) return -1;
    auto const n = std::min<std::size_t>(to.size(), octets_.size() - offset);
    if (n != 0) std::memcpy(to.data(), octets_.data() + offset, n);
    return static_cast<std::ptrdiff_t>(n);
  }
  std::uint64_t unreadable_from = UINT64_MAX;

 private:
  std::string octets_;
  bool in_memory_;
};

inline Body body_of(std::string octets, bool in_memory = true) {
  Body body;
  body.has_leading_dot = octets.starts_with('.') || octets.find("\n.") != std::string::npos;
  body.has_eight_bit = std::any_of(octets.begin(), octets.end(),
                                   [](char c) { return static_cast<unsigned char>(c) > 127; });
  body.storage = std::make_unique<FakeStorage>(std::move(octets), in_memory);
  return body;
}

inline SessionSettings plain_settings() {
  SessionSettings s;
  s.relay = "mx.example.com[192.0.2.1]:25";
  s.ehlo_name = "client.example.net";
  s.one_flight_within = 5s;
  s.timeouts = {300s, 300s, 120s, 120s, 300s, 300s, 120s, 180s, 600s, 20s, 5s};
  return s;
}

/// What the server announces, as the reply to EHLO.
inline std::string ehlo_reply(std::vector<std::string_view> extensions) {
  std::string reply = "250-mx.example.com";
  for (auto extension : extensions) reply.append("\r\n250-").append(extension);
  reply[reply.rfind("250-") + 3] = ' ';
  return reply + "\r\n";
}

class Talk {
 public:
  explicit Talk(SessionSettings settings = plain_settings(), std::unique_ptr<Login> login = nullptr)
      : session(std::move(settings), now, std::move(login)) {
    pump();
  }

  /// The server says `octets`, in one piece, a moment later.
  Talk& server(std::string_view octets) {
    now += 1ms;
    session.receive(octets, now);
    pump();
    return *this;
  }
  Talk& eof(std::string_view how = "the server closed the connection") {
    now += 1ms;
    session.disconnected(how, now);
    pump();
    return *this;
  }
  /// Time passes; the session is told if its deadline is over.
  Talk& wait(Duration d) {
    now += d;
    if (session.deadline() <= now) session.expire(now);
    pump();
    return *this;
  }
  Talk& start(Transaction const& transaction) {
    session.start(transaction, now);
    pump();
    return *this;
  }
  /// Greeting and EHLO, in plain text.
  Talk& connected(std::vector<std::string_view> extensions) {
    server("220 mx.example.com\r\n");
    server(ehlo_reply(std::move(extensions)));
    sent();
    return *this;
  }

  /// Everything written since this was last asked.
  std::string sent() { return std::exchange(written, {}); }
  /// The events, as they were polled; the oldest of type T, taken out.
  template <class T>
  std::optional<T> take() {
    for (auto it = events.begin(); it != events.end(); ++it)
      if (auto* event = std::get_if<T>(&*it)) {
        T taken = std::move(*event);
        events.erase(it);
        return taken;
      }
    return std::nullopt;
  }
  /// The result of the transaction, which must be over.
  TransactionResult result() {
    auto finished = take<Finished>();
    return finished ? std::move(finished->result)
                    : TransactionResult{{}, Retry::Nothing, "NOT FINISHED"};
  }

  /// Writes what the session wants to write, as far as the kernel takes it, and polls.
  void pump() {
    while (true) {
      while (auto event = session.poll()) events.push_back(std::move(*event));
      auto const out = session.output(now);
      if (out.size() == 0 || room == 0) break;
      if (is_tls) session.offered();
      std::size_t taken = 0;
      for (std::size_t i = 0; i < out.count; ++i) {
        auto const n = std::min(room, out.pieces[i].size());
        written += out.pieces[i].substr(0, n);
        room -= n;
        taken += n;
      }
      ++writes;
      session.written(taken, now);
    }
    while (auto event = session.poll()) events.push_back(std::move(*event));
  }

  TimePoint now{24h};
  Session session;
  std::vector<Event> events;
  std::string written;
  std::size_t writes = 0;
  std::size_t room = SIZE_MAX;  ///< octets that the kernel still takes
  bool is_tls = false;
};

/// A small message from a@example.net to u@example.com.
struct Mail {
  explicit Mail(std::string octets = "Subject: x\r\n\r\nhello\r\n", bool in_memory = true)
      : body(body_of(std::move(octets), in_memory)) {
    transaction.sender = "a@example.net";
    transaction.recipients = {"u@example.com"};
    transaction.body = &body;
  }
  Body body;
  Transaction transaction;
};

inline bool is_delivered(TransactionResult const& result) {
  for (auto const& r : result.results)
    if (r.outcome.kind != OutcomeKind::Delivered || r.may_retry) return false;
  return !result.results.empty() && result.retry == Retry::Nothing && result.reason.empty();
}

}  // namespace mailpool::smtp::testing

#pragma once
// A scripted LMTP client around one server: sends lines, reads replies, plays the owner.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/lmtp/server.h"
#include "fakes/memory_body_store.h"

namespace mailpool::lmtp {

struct Client : ServerEvents {
  TimePoint now{std::chrono::seconds(1000)};
  fakes::MemoryBodyStore bodies;
  std::vector<Message> messages;
  std::string received;              ///< what received_line() gives
  std::vector<std::string> answers;  ///< replies given at once, by recipient; empty: none
  Server server;

  static ServerSettings settings() {
    ServerSettings s;
    s.hostname = "mail.example.com";
    s.max_message_size = 1000;
    s.max_recipients = 4;
    s.idle_timeout = std::chrono::minutes(5);
    s.client = "postfix[1]";
    return s;
  }

  explicit Client(ServerSettings s = settings()) : server(std::move(s), *this, bodies, now) {}

  void on_message(Message&& message) override {
    messages.push_back(std::move(message));
    for (std::size_t i = 0; i < answers.size(); ++i) say(i, 250, answers[i]);
  }
  std::string received_line(Envelope const& envelope) override {
    return received.empty() ? received : received + envelope.queue_id + "\r\n";
  }
  std::string make_id() override { return "OWN1"; }

  /// The replies to `octets`, CRLF written as "|".
  std::string send(std::string_view octets) {
    server.receive(octets, now);
    return replies();
  }
  std::string replies() {
    std::string all(server.output());
    server.written(all.size());
    std::string out;
    for (char c : all)
      if (c != '\r') out += c == '\n' ? '|' : c;
    return out;
  }
  void say(std::size_t index, std::uint16_t code, std::string_view text) {
    Outcome o;
    o.code = code;
    o.kind = code < 300   ? OutcomeKind::Delivered
             : code < 500 ? OutcomeKind::Deferred
                          : OutcomeKind::Refused;
    auto const klass = static_cast<std::uint16_t>(code / 100);
    o.enhanced = {klass, 0, 0};
    o.text = text;
    server.reply(index, o, now);
  }
  /// Up to 354, with one recipient or those given.
  std::string begin(std::vector<std::string> const& recipients = {"u@example.org"}) {
    std::string lines = "LHLO me\r\nMAIL FROM:<s@example.com>\r\n";
    for (auto const& r : recipients) lines += "RCPT TO:<" + r + ">\r\n";
    send(lines);
    return send("DATA\r\n");
  }
  /// Content through a whole transaction; the stored body.
  std::string body_of(std::string_view wire) {
    begin();
    send(wire);
    return messages.empty() ? "no message" : std::string(messages.back().body.storage->memory());
  }
};

}  // namespace mailpool::lmtp

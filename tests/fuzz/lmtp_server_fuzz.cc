// A hostile LMTP client, an owner that answers late and in any order: replies in order, one per
// recipient, bodies clean.
//
// The input is a list of steps: an octet that says what happens, and for octets of the client a
// length and those octets.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "core/lmtp/server.h"
#include "core/message/address.h"
#include "fakes/memory_body_store.h"

using namespace mailpool;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

class Steps {
 public:
  explicit Steps(std::string_view input) : input_(input) {}
  [[nodiscard]] bool is_over() const { return input_.empty(); }
  unsigned octet() {
    if (input_.empty()) return 0;
    auto const c = static_cast<unsigned char>(input_.front());
    input_.remove_prefix(1);
    return c;
  }
  std::string_view octets(std::size_t n) {
    auto const piece = input_.substr(0, n);
    input_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view input_;
};

void check_body(Body const& body) {
  auto const text = body.storage->memory();
  require(text.empty() || text.ends_with("\r\n"));
  bool dot = text.starts_with('.');
  for (std::size_t i = 0; i < text.size(); ++i) {
    require(text[i] != '\0');
    require(text[i] != '\n' || (i != 0 && text[i - 1] == '\r'));
    require(text[i] != '\r' || (i + 1 < text.size() && text[i + 1] == '\n'));
    dot = dot || (text[i] == '\n' && i + 1 < text.size() && text[i + 1] == '.');
  }
  require(body.has_leading_dot == dot);
  require(body.has_eight_bit == !is_ascii(text));
  require(body.has_eight_bit || !body.has_utf8_header);
}

void check_envelope(Envelope const& envelope) {
  require(!envelope.recipients.empty() && envelope.recipients.size() <= 5);
  require(envelope.sender.empty() || is_mailbox(envelope.sender));
  for (auto const& r : envelope.recipients) {
    require(is_mailbox(r.address) && domain_of(r.address) == r.domain);
    require(envelope.smtputf8 || is_ascii(r.address));
  }
  require(!envelope.queue_id.empty() && envelope.queue_id.size() <= 64);
  require(printable(envelope.queue_id) == envelope.queue_id);
}

class Owner final : public lmtp::ServerEvents {
 public:
  Owner() : server_(settings(), *this, bodies_, now_) {}

  void run(Steps steps) {
    while (!steps.is_over()) step(steps);
    finish();
  }

 private:
  static lmtp::ServerSettings settings() {
    lmtp::ServerSettings s;
    s.hostname = "mail.example.com";
    s.max_message_size = 30000;
    s.max_recipients = 5;
    s.idle_timeout = std::chrono::minutes(5);
    return s;
  }

  void step(Steps& steps) {
    auto const what = steps.octet();
    auto const argument = steps.octet();
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        feed(steps.octets(argument + 1U));
        break;
      case 4:
        answer(argument);
        break;
      case 5:
        read(argument + 1U);
        break;
      case 6:
        answers_at_once_ = argument % 2 == 1;
        break;
      case 7:
        pass_time(std::chrono::seconds(argument));
        break;
    }
    check_output();
  }

  void feed(std::string_view octets) {
    if (server_.wants_input()) server_.receive(octets, now_);
  }

  // One recipient that has no answer yet, anyone.
  void answer(unsigned choice) {
    if (open_.empty()) return;
    auto const at = open_.begin() + static_cast<std::ptrdiff_t>(choice % open_.size());
    auto const index = *at;
    open_.erase(at);
    Outcome outcome;
    outcome.text = "verdict " + std::to_string(message_) + " " + std::to_string(index);
    server_.reply(index, outcome, now_);
  }

  void read(std::size_t n) {
    auto const output = server_.output();
    n = std::min(n, output.size());
    said_ += output.substr(0, n);
    server_.written(n);
    check_said();
  }

  void pass_time(Duration d) {
    now_ += d;
    if (server_.deadline() > now_) return;
    given_up_ = server_.is_over();  // even the last words were not read
    server_.expire(now_);
  }

  void on_message(Message&& message) override {
    require(open_.empty());
    check_envelope(message.envelope);
    check_body(message.body);
    ++message_;
    for (std::size_t i = 0; i < message.envelope.recipients.size(); ++i) {
      open_.push_back(i);
      expected_.push_back("verdict " + std::to_string(message_) + " " + std::to_string(i));
    }
    if (!answers_at_once_) return;
    while (!open_.empty()) answer(static_cast<unsigned>(open_.size()) * 7U);
  }
  std::string received_line(Envelope const& envelope) override {
    return "Received: by mail.example.com id " + envelope.queue_id + "\r\n";
  }
  std::string make_id() override { return "OWN"; }

  // Lines are well-formed, and the verdicts among them come in the order of the recipients, each
  // once.
  void check_said() {
    for (auto end = said_.find("\r\n"); end != std::string::npos; end = said_.find("\r\n")) {
      auto const line = said_.substr(0, end);
      said_.erase(0, end + 2);
      require(line.size() <= 510 && line.size() >= 4);
      require(is_digit(line[0]) && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
              is_digit(line[2]));
      require(line[3] == ' ' || line[3] == '-');
      require(!line.starts_with("421") && printable(line) == line);
      if (!line.starts_with("451 4.3.0 verdict ")) continue;  // others may quote the client
      require(!expected_.empty() && line == "451 4.3.0 " + expected_.front());
      expected_.pop_front();
    }
  }
  void check_output() {
    require(server_.output().size() <= 80000);
    require(!server_.is_delivering() == open_.empty());
  }

  // All open recipients are answered, everything is read: no verdict may be missing.
  void finish() {
    answers_at_once_ = true;
    for (int i = 0; i < 10000 && (!open_.empty() || !server_.output().empty()); ++i) {
      while (!open_.empty()) answer(0);
      read(100000);
    }
    require(given_up_ || (expected_.empty() && said_.empty()));
  }

  TimePoint now_{std::chrono::hours(1)};
  fakes::MemoryBodyStore bodies_;
  lmtp::Server server_;
  std::vector<std::size_t> open_;     ///< recipients without an answer
  std::deque<std::string> expected_;  ///< verdicts that must be said, in order
  std::string said_;
  unsigned message_ = 0;
  bool answers_at_once_ = false;
  bool given_up_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  Owner owner;
  owner.run(Steps({reinterpret_cast<char const*>(data), size}));
  return 0;
}

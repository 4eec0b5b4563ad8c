// A client and a server, octets of both interleaved as the input says, loan after loan on one
// connection. A small model of an IMAP server follows what really reached it; the connection may be
// lent again only if the model, too, has nothing selected, nothing enabled and nothing open.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text.h"
#include "core/imap/relay.h"

namespace {

using namespace mailpool;
using namespace mailpool::imap;

void require(bool holds) {
  if (!holds) std::abort();
}

class Counter final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> octets) override {
    for (auto& octet : octets)
      octet = static_cast<std::uint8_t>((state_ = state_ * 69069 + 1) >> 16U);
  }

 private:
  std::uint32_t state_ = 1;
};

// What servers offer decides how a literal is sent and how a mailbox is left.
constexpr std::array<std::string_view, 4> offers{"IMAP4rev1 LITERAL+ UNSELECT IDLE ENABLE",
                                                 "IMAP4rev1 LITERAL- IDLE", "IMAP4rev1 UNSELECT",
                                                 "IMAP4rev1 IDLE ENABLE"};

// What a server has understood of the octets that came to it.
class ServerModel {
 public:
  explicit ServerModel(Capabilities const& offered)
      : takes_messages_unasked_(offered.may_send_at_once(1)) {}

  void receive(std::string_view octets) {
    input_ += octets;
    while (step()) {
    }
  }
  [[nodiscard]] bool is_clean() const {
    return open_.empty() && !is_selected_ && !is_tainted_ && literal_ == 0 && command_.empty() &&
           input_.empty() && !is_idling_;
  }
  [[nodiscard]] bool has_open() const { return !open_.empty(); }

  // Answers the oldest command, truthfully, as `word` (OK, NO, BAD).
  std::string answer(std::string_view word) {
    if (waits_for_literal_) {
      if (word == "OK") {
        waits_for_literal_ = false;
        return "+ go\r\n";
      }
      waits_for_literal_ = false;
      auto const tag = command_.substr(0, command_.find(' '));
      literal_ = 0;
      command_.clear();
      open_.erase(std::find(open_.begin(), open_.end(), tag));
      forget(tag);
      return tag + " " + std::string(word) + " refused\r\n";
    }
    if (is_idling_ && !has_said_idling_) {
      has_said_idling_ = true;
      return "+ idling\r\n";
    }
    for (auto it = open_.begin(); it != open_.end(); ++it) {
      auto const tag = *it;
      auto const done = done_.find(tag);
      if (done == done_.end()) continue;
      auto const line = done->second;
      done_.erase(done);
      open_.erase(it);
      return tag + " " + carry_out(line, word) + " done\r\n";
    }
    return "* OK nothing\r\n";
  }

 private:
  void forget(std::string const& tag) { done_.erase(tag); }

  bool step() {
    if (waits_for_literal_) return false;
    if (literal_ != 0) {
      auto const n = std::min<std::size_t>(literal_, input_.size());
      if (n == 0) return false;
      input_.erase(0, n);
      literal_ -= n;
      return true;
    }
    auto const end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    auto const line = input_.substr(0, end);
    input_.erase(0, end + 2);
    if (is_idling_) {
      require(has_said_idling_);
      is_idling_ = false;
      has_said_idling_ = false;
      done_[idle_tag_] = "IDLE";
      return true;
    }
    bool const begins = command_.empty();
    command_ += line;
    if (begins) open_.push_back(line.substr(0, line.find(' ')));
    // The most careless server there can be: what it did not ask for is no literal, unless it is
    // a message and it said that it takes that.
    auto const mark = wire::literal_at_end(line);
    if (mark && (mark->waits || (takes_messages_unasked_ && is_append()))) {
      literal_ = mark->octets;
      waits_for_literal_ = mark->waits;
      return true;
    }
    auto const blank = command_.find(' ');
    auto const tag = command_.substr(0, blank);
    auto const rest =
        blank == std::string::npos ? std::string() : ascii_upper(command_.substr(blank + 1));
    command_.clear();
    if (rest == "IDLE") {
      is_idling_ = true;
      idle_tag_ = tag;
    } else {
      done_[tag] = rest;
    }
    return true;
  }

  [[nodiscard]] bool is_append() const {
    auto const rest = command_.substr(std::min(command_.find(' '), command_.size()));
    return ascii_istarts_with(rest, " APPEND ") || ascii_istarts_with(rest, " REPLACE ") ||
           ascii_istarts_with(rest, " UID REPLACE ");
  }

  std::string carry_out(std::string const& line, std::string_view word) {
    auto const name = line.substr(0, line.find(' '));
    bool const is_ok = word == "OK";
    if (name == "SELECT" || name == "EXAMINE") {
      // A NO closes what was selected, a BAD does nothing; and the server says nothing of it.
      if (is_ok) is_selected_ = true;
      if (word == "NO") is_selected_ = false;
    }
    if ((name == "CLOSE" || name == "UNSELECT") && is_ok) is_selected_ = false;
    bool const is_state = name == "ENABLE" || name == "NOTIFY" || name == "LANGUAGE" ||
                          name == "COMPARATOR" || name == "COMPRESS" || name == "UNAUTHENTICATE";
    if ((is_state || turns_condstore_on(line)) && is_ok) is_tainted_ = true;
    return std::string(word);
  }

  bool takes_messages_unasked_;
  std::string input_;
  std::string command_;
  std::size_t literal_ = 0;
  bool waits_for_literal_ = false;
  bool is_idling_ = false;
  bool has_said_idling_ = false;
  std::string idle_tag_;
  std::vector<std::string> open_;
  std::map<std::string, std::string> done_;
  bool is_selected_ = false;
  bool is_tainted_ = false;
};

class Play {
 public:
  explicit Play(Capabilities const& offered) : relay_(offered, entropy_), model_(offered) {
    relay_.lend(box_);
  }

  void client(std::string_view octets) {
    if (relay_.phase() != Relay::Phase::Lent) return;
    client_input_ += octets;
    move();
  }
  void honest(std::uint8_t choice) {
    static constexpr std::string_view words[] = {"OK", "NO", "BAD", "OK"};
    server(model_.answer(words[choice % 4]));
  }
  void lying(std::string_view octets) {
    has_lied_ = true;
    server(octets);
  }
  void leave() {
    if (relay_.phase() != Relay::Phase::Lent) return;
    relay_.take_back();
    client_input_.clear();
    move();
  }
  void lend() {
    if (relay_.phase() != Relay::Phase::Idle) return;
    // A part of a line is unread, or of a response: the pool does not lend such a connection.
    if (!server_input_.empty() || !relay_.is_at_rest()) return;
    if (!has_lied_) require(model_.is_clean());
    relay_.lend(box_);
  }

 private:
  void server(std::string_view octets) {
    server_input_ += octets;
    server_input_.erase(0, relay_.from_server(server_input_));
    move();
  }
  void move() {
    if (relay_.phase() == Relay::Phase::Lent) {
      auto const taken = relay_.from_client(client_input_);
      require(taken <= client_input_.size());
      client_input_.erase(0, taken);
      if (relay_.has_dismissed_client() && relay_.phase() == Relay::Phase::Lent) {
        relay_.take_back();
        client_input_.clear();
      }
    }
    if (relay_.phase() == Relay::Phase::Broken) return;
    auto const out = std::string(relay_.to_server().unsent());
    relay_.to_server().taken(out.size());
    model_.receive(out);
    box_.taken(box_.unsent().size());
    // The moment at which it enters the pool.
    if (relay_.phase() == Relay::Phase::Idle && !has_lied_) require(model_.is_clean());
  }

  Counter entropy_;
  Outbox box_;
  Relay relay_;
  ServerModel model_;
  std::string client_input_;
  std::string server_input_;
  bool has_lied_ = false;
};

}  // namespace

// First what the server offers. Then steps: a letter that says who acts, a length, as many octets.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  Play play{Capabilities(offers[data[0] % offers.size()])};
  std::string_view input(reinterpret_cast<char const*>(data + 1), size - 1);
  while (!input.empty()) {
    auto const who = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    auto text = [&] {
      std::size_t const n = input.empty() ? 0 : static_cast<std::uint8_t>(input.front());
      if (!input.empty()) input.remove_prefix(1);
      auto const part = input.substr(0, n);
      input.remove_prefix(part.size());
      return part;
    };
    switch (who % 8) {
      case 0:
      case 1:
      case 2:
        play.client(text());
        break;
      case 3:
      case 4:
        play.honest(who >> 3U);
        break;
      case 5:
        play.lying(text());
        break;
      case 6:
        play.leave();
        break;
      case 7:
        play.lend();
        break;
    }
  }
  return 0;
}

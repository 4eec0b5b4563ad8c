// The client's side of the relay: each command is passed on, or answered here.

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/imap/relay.h"

namespace mailpool::imap {

using wire::ImapPiece;

bool Relay::may_take_command() const {
  return phase_ == Phase::Lent && !is_dismissed_ && logout_tag_.empty() && !waits_for_go_ahead_ &&
         idle_ != Idle::Asked && idle_ != Idle::Ending && open_.size() < most_open &&
         !to_server_.is_full() && !is_client_behind() && held_.size() < Outbox::full;
}

bool Relay::is_at_rest() const {
  return commands_.is_between() && open_.empty() && responses_.is_between();
}

bool Relay::waits_for_server() const {
  if (waits_for_go_ahead_ || !to_server_.is_empty()) return true;
  // In these two it is the client's turn.
  std::size_t const theirs = (idle_ == Idle::Active ? 1U : 0U) + (is_in_passed_command() ? 1U : 0U);
  return open_.size() > theirs;
}

std::size_t Relay::from_client(std::string_view input) {
  std::size_t taken = 0;
  while (may_take_command()) {
    auto const rest = input.substr(taken);
    if (idle_ == Idle::Active) {
      auto const n = take_done(rest);
      taken += n;
      if (n == 0) break;
      continue;
    }
    auto const piece = commands_.next(rest);
    if (piece.kind == ImapPiece::Kind::Nothing) break;
    if (piece.kind == ImapPiece::Kind::Malformed) {
      lose_client("BAD A line may not hold NUL, CR or LF");
      break;
    }
    if (piece.kind == ImapPiece::Kind::TooLong) {
      lose_client("BAD The line is too long");
      break;
    }
    auto const octets = rest.substr(0, piece.octets);
    taken += piece.octets;
    if (piece.kind == ImapPiece::Kind::Literal) {
      take_literal(octets);
      continue;
    }
    bool const goes_on = piece.kind == ImapPiece::Kind::First ? take_line(octets, piece.ends)
                                                              : take_rest(octets, piece.ends);
    if (!goes_on) break;
  }
  return taken;
}

bool Relay::take_line(std::string_view octets, bool ends) {
  auto const line = octets.substr(0, octets.size() - 2);
  auto const blank = line.find(' ');
  auto const tag = line.substr(0, blank);
  if (!wire::is_tag(tag)) {
    refuse("*", "BAD There is no tag", ends);
    return true;
  }
  wire::ImapWords words(blank == std::string_view::npos ? std::string_view()
                                                        : line.substr(blank + 1));
  auto name = ascii_upper(words.atom());
  if (name == "UID" && words.take_blank()) name += " " + ascii_upper(words.atom());
  auto const& row = row_of(name);
  bool const is_whole = words.is_at_end() || words.rest().front() == ' ';
  if (name.empty()) {
    refuse(tag, "BAD There is no command", ends);
  } else if (!is_whole) {
    // What is APPEND[ here, with a message behind it, is no APPEND to the server.
    refuse(tag, "BAD There is no such command", ends);
  } else if (is_open(tag)) {
    refuse(tag, "BAD A command with this tag is not answered yet", ends);
  } else if (wire::has_open_quote(line)) {
    refuse(tag, "BAD A quote is not closed", ends);
  } else if (row.taint == Discard::TaintEnable && withholds_enable_) {
    refuse(tag, "NO [CANNOT] ENABLE is not for pooled connections (enable)", ends);
  } else if (row.handling == Handling::Refuse) {
    refuse(tag, std::string(row.answer), ends);
  } else if (row.is_bare && (!ends || !trimmed(words.rest()).empty())) {
    // A server may ignore what stands there, and read a literal's octets as commands.
    refuse(tag, "BAD " + name + " has no arguments", ends);
  } else if (row.handling == Handling::Logout || row.handling == Handling::Capability ||
             (row.handling == Handling::Id && ends)) {
    if (ends)
      answer_here(row, tag);
    else
      refuse(tag, "BAD It has no arguments", ends);
  } else if (row.handling == Handling::Id) {
    // A client may name itself in literals; they are read and forgotten.
    refuse(tag, "OK ID completed", ends);
  } else {
    pass_on(row, tag, octets, ends);
  }
  return !is_dismissed_;
}

bool Relay::is_open(std::string_view tag) const {
  return std::any_of(open_.begin(), open_.end(), [&](Open const& o) { return o.tag == tag; });
}

void Relay::pass_on(CommandRow const& row, std::string_view tag, std::string_view octets,
                    bool ends) {
  open_.push_back({std::string(tag), &row});
  if (taint_ == Discard::None) taint_ = row.taint;
  if (taint_ == Discard::None && turns_condstore_on(octets)) taint_ = Discard::TaintCondstore;
  if (row.handling == Handling::Idles) {
    idle_ = Idle::Asked;
    idle_tag_ = tag;
  }
  current_ = {};
  if (ends) return to_server_.add(octets);
  current_.tag = tag;
  current_.is_passed_on = true;
  pass_on_mark(octets, row.has_message);
}

// A server that does not take what ends this line for a literal would read its octets as commands,
// of which nothing is known here. So it has to ask for each, but for the message that an APPEND
// cannot be without: where that is not understood, the answer is not OK.
void Relay::pass_on_mark(std::string_view octets, bool may_be_unasked) {
  auto const& mark = commands_.literal();
  if (!mark.waits && may_be_unasked && capabilities_.may_send_at_once(mark.octets)) {
    open_.back().was_unasked = true;
    return to_server_.add(octets);
  }
  waits_for_go_ahead_ = true;
  hides_go_ahead_ = !mark.waits;
  if (mark.waits) return to_server_.add(octets);
  static constexpr std::string_view end_of_mark = "+}\r\n";
  to_server_.add(octets.substr(0, octets.size() - end_of_mark.size()));
  to_server_.add("}\r\n");
}

bool Relay::take_rest(std::string_view octets, bool ends) {
  if (!current_.is_passed_on) {
    if (ends) {
      if (!current_.answer.empty()) say(current_.tag + " " + current_.answer);
      current_ = {};
    } else if (commands_.literal().waits) {
      say("+ Go on");
    }
    return true;
  }
  if (wire::has_open_quote(octets.substr(0, octets.size() - 2))) {
    has_doubt_ = true;
    lose_client("BAD The command is malformed");
    return false;
  }
  if (taint_ == Discard::None && turns_condstore_on(octets)) taint_ = Discard::TaintCondstore;
  if (ends || current_.answered)
    to_server_.add(octets);
  else
    pass_on_mark(octets, false);
  if (ends) current_ = {};
  return true;
}

void Relay::take_literal(std::string_view octets) {
  if (!current_.is_passed_on) return;
  to_server_.add(octets);
  // What a literal says could have been an atom; those of messages are too large to be one.
  if (taint_ != Discard::None || commands_.literal().octets > scanned_literal) return;
  scanned_ += octets;
  if (commands_.literal_octets_left() != 0) return;
  if (turns_condstore_on(std::exchange(scanned_, {}))) taint_ = Discard::TaintCondstore;
}

std::size_t Relay::take_done(std::string_view input) {
  auto const piece = commands_.next_plain(input);
  if (piece.kind == ImapPiece::Kind::Nothing) return 0;
  bool const is_done = piece.kind == ImapPiece::Kind::Line &&
                       ascii_iequal(input.substr(0, piece.octets - 2), "DONE");
  if (!is_done) {
    lose_client("BAD DONE was expected");
    return 0;
  }
  to_server_.add("DONE\r\n");
  idle_ = Idle::Ending;
  return piece.octets;
}

void Relay::refuse(std::string_view tag, std::string answer, bool ends) {
  if (ends) return say(std::string(tag) + " " + answer);
  if (commands_.literal().waits && answer != "OK ID completed") {
    // A client that is told no does not send the literal (RFC 9051 7.5).
    commands_.give_up();
    return say(std::string(tag) + " " + answer);
  }
  current_ = {};
  current_.tag = tag;
  current_.answer = std::move(answer);
  if (commands_.literal().waits) say("+ Go on");
}

void Relay::answer_here(CommandRow const& row, std::string_view tag) {
  std::string const name(tag);
  if (row.handling == Handling::Capability) {
    say("* CAPABILITY " + capabilities_.for_client());
    say(name + " OK CAPABILITY completed");
  } else if (row.handling == Handling::Id) {
    say(R"(* ID ("name" "mailpool")" + (pairs_ ? pairs_() : std::string()) + ")");
    say(name + " OK ID completed");
  } else {
    logout_tag_ = name;
    if (open_.empty()) answer_logout();
  }
}

void Relay::answer_logout() {
  if (logout_tag_.empty() || is_logout_answered_) return;
  is_logout_answered_ = true;
  say("* BYE Logging out\r\n" + logout_tag_ + " OK LOGOUT completed");
}

void Relay::stop_waiting_to_log_out() {
  if (!waits_to_log_out()) return;
  if (responses_.is_between()) answer_logout();
  is_dismissed_ = true;
}

void Relay::lose_client(std::string_view why) {
  say("* " + std::string(why));
  say("* BYE The client was not understood");
  if (!responses_.is_between()) held_.clear();
  is_dismissed_ = true;
}

void Relay::say(std::string_view line) {
  // Never into the middle of something that the server is saying.
  auto& to = held_;
  to += line;
  to += "\r\n";
  say_what_was_held();
}

void Relay::say_what_was_held() {
  if (held_.empty() || !responses_.is_between()) return;
  pass_to_client(held_);
  held_.clear();
  if (is_logout_answered_) is_dismissed_ = true;
}

}  // namespace mailpool::imap

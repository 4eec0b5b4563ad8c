#include "fakemx/body.h"

#include <cstring>

#include "core/base/text.h"

namespace mailpool::fakemx {

namespace {

constexpr std::string_view received = "received:";

// Word by word: a body is read several times over, and must not cost more than its digest.
bool has_eight_bit(std::string_view octets) {
  std::uint64_t all = 0, word = 0;
  for (; octets.size() >= sizeof word; octets.remove_prefix(sizeof word)) {
    std::memcpy(&word, octets.data(), sizeof word);
    all |= word;
  }
  for (auto const c : octets) all |= static_cast<unsigned char>(c);
  return (all & 0x8080808080808080U) != 0;
}

std::uint64_t count_of(std::string_view octets, std::string_view what) {
  std::uint64_t count = 0;
  for (auto at = octets.find(what); at != std::string_view::npos;
       at = octets.find(what, at + what.size()))
    ++count;
  return count;
}

}  // namespace

void TracelessDigest::restart() {
  sha_.restart();
  where_ = Where::LineStart;
  seen_received_ = false;
  held_.clear();
}

void TracelessDigest::judge_line_start() {
  bool const folded = seen_received_ && (held_[0] == ' ' || held_[0] == '\t');
  if (folded || held_.size() == received.size()) {
    seen_received_ = true;
    where_ = Where::InTrace;
    held_.clear();
  }
}

std::string_view TracelessDigest::skip_trace(std::string_view octets) {
  while (!octets.empty() && where_ != Where::Behind) {
    if (where_ == Where::InTrace) {
      auto const lf = octets.find('\n');
      if (lf == std::string_view::npos) return {};
      octets.remove_prefix(lf + 1);
      where_ = Where::LineStart;
      continue;
    }
    bool const fits = ascii_lower(octets[0]) == received[held_.size()] ||
                      (held_.empty() && seen_received_ && (octets[0] == ' ' || octets[0] == '\t'));
    if (!fits) {
      where_ = Where::Behind;
      break;
    }
    held_ += octets[0];
    octets.remove_prefix(1);
    judge_line_start();
  }
  return octets;
}

void TracelessDigest::add(std::string_view octets) {
  if (where_ != Where::Behind) {
    octets = skip_trace(octets);
    if (where_ != Where::Behind) return;
    sha_.add(held_);
    held_.clear();
  }
  sha_.add(octets);
}

net::Sha256::Digest TracelessDigest::finish() {
  sha_.add(held_);
  return sha_.finish();
}

void BodyReader::restart(bool keep, bool traceless) {
  sha_.restart();
  keep_ = keep;
  with_traceless_ = traceless;
  if (with_traceless_) traceless_digest_.restart();
  after_cr_ = false;
  size_ = 0;
  content_.clear();
  faults_ = {};
}

void BodyReader::inspect(std::string_view octets) {
  // Each CR must be followed by an LF, and each LF follow a CR: what is beyond the pairs is bare.
  bool const joined = after_cr_ && octets.front() == '\n';
  bool const left_bare = after_cr_ && !joined;
  bool const open_end = octets.back() == '\r';
  auto const pairs = count_of(octets, "\r\n");
  faults_.bare_lf += count_of(octets, "\n") - pairs - (joined ? 1 : 0);
  faults_.bare_cr += count_of(octets, "\r") - pairs - (open_end ? 1 : 0) + (left_bare ? 1 : 0);
  after_cr_ = open_end;
  faults_.nul += count_of(octets, std::string_view("\0", 1));
  faults_.eight_bit = faults_.eight_bit || has_eight_bit(octets);
}

void BodyReader::add(std::string_view octets) {
  if (octets.empty()) return;
  inspect(octets);
  size_ += octets.size();
  sha_.add(octets);
  if (with_traceless_) traceless_digest_.add(octets);
  if (keep_) content_ += octets;
}

void BodyReader::finish() {
  if (after_cr_) ++faults_.bare_cr;
  digest_ = sha_.finish();
  traceless_ = with_traceless_ ? traceless_digest_.finish() : digest_;
}

std::size_t DotReader::take(std::string_view octets, BodyReader& body) {
  std::size_t taken = 0;
  while (taken < octets.size() && state_ != State::End) {
    if (state_ == State::InLine || state_ == State::LineStart) {
      taken += take_line_part(octets.substr(taken), body);
    } else {
      take_octet(octets[taken], body);
      ++taken;
    }
  }
  return taken;
}

/// As many lines as there are up to one that needs a closer look: one that begins with a dot, or a
/// CR at the end of what is there.
std::size_t DotReader::take_line_part(std::string_view octets, BodyReader& body) {
  if (state_ == State::LineStart && octets[0] == '.') {
    state_ = State::Dot;
    return 1;
  }
  auto const dot = octets.find("\r\n.");
  auto const end = dot == std::string_view::npos ? octets.size() : dot + 2;
  state_ = State::LineStart;
  if (dot == std::string_view::npos && !octets.ends_with("\r\n"))
    state_ = octets.back() == '\r' ? State::Cr : State::InLine;
  body.add(octets.substr(0, end));
  return end;
}

void DotReader::take_octet(char c, BodyReader& body) {
  static constexpr std::string_view cr = "\r";
  switch (state_) {
    case State::Cr:  // the CR itself has been given to the body
      state_ = c == '\n' ? State::LineStart : c == '\r' ? State::Cr : State::InLine;
      body.add({&c, 1});
      break;
    case State::Dot:
      if (c == '\r') {
        state_ = State::DotCr;
        break;
      }
      if (c != '.') ++body.faults().unstuffed_dots;
      state_ = State::InLine;
      body.add({&c, 1});
      break;
    case State::DotCr:
      if (c == '\n') {
        state_ = State::End;
        break;
      }
      ++body.faults().unstuffed_dots;
      body.add(cr);
      state_ = c == '\r' ? State::Cr : State::InLine;
      body.add({&c, 1});
      break;
    case State::LineStart:
    case State::InLine:
    case State::End:
      break;
  }
}

}  // namespace mailpool::fakemx

#include "core/wire/dot_decoder.h"

#include <cassert>
#include <cstring>

namespace mailpool::wire {
namespace {

constexpr std::string_view crlf = "\r\n";

// The first `wanted` in [from, end), or end.
char const* find(char const* from, char const* end, char wanted) {
  if (from == end) return end;
  auto const* found = std::memchr(from, wanted, static_cast<std::size_t>(end - from));
  return found ? static_cast<char const*>(found) : end;
}

}  // namespace

class DotDecoder::Input {
 public:
  explicit Input(std::string_view octets) : at(octets.data()), end(octets.data() + octets.size()) {}
  [[nodiscard]] bool is_empty() const { return at == end; }

  char const* at;
  char const* const end;
};

std::size_t DotDecoder::decode(std::string_view octets, ContentSink& sink) {
  assert(!is_finished());  // what follows the final dot is a command
  Input in(octets);
  while (!in.is_empty() && state_ != State::Finished) {
    switch (state_) {
      case State::LineStart:
      case State::SoftStart:
      case State::Text:
        decode_text(in, sink);
        break;
      case State::Cr:
        decode_cr(in, sink);
        break;
      case State::Dot:
        decode_dot(in);
        break;
      case State::DotCr:
        decode_dot_cr(in, sink);
        break;
      case State::Finished:
        break;
    }
  }
  auto const taken = static_cast<std::size_t>(in.at - octets.data());
  if (!has_nul_ && taken != 0) has_nul_ = std::memchr(octets.data(), '\0', taken) != nullptr;
  return taken;
}

// Whole lines that are already as they should be go to the sink as one piece; that ends at a dot
// behind a CRLF, at a line end that has to be mended, and at the end of the input.
void DotDecoder::decode_text(Input& in, ContentSink& sink) {
  char const* const begin = in.at;
  char const* at = begin;
  auto pass_on = [&](char const* until) {
    if (until != begin) sink.on_content({begin, static_cast<std::size_t>(until - begin)});
  };
  while (at != in.end) {
    if (*at == '.') {
      if (state_ == State::LineStart) {
        state_ = State::Dot;
        pass_on(at);
        in.at = at + 1;
        return;
      }
      if (state_ == State::SoftStart) has_leading_dot_ = true;
    }
    char const* const lf = find(at, in.end, '\n');
    char const* const cr = find(at, lf, '\r');
    if (lf != in.end && cr + 1 == lf) {
      state_ = State::LineStart;
      at = lf + 1;
      continue;
    }
    if (cr != lf) {
      state_ = State::Cr;
      pass_on(cr);
      in.at = cr + 1;
      return;
    }
    if (lf != in.end) {
      state_ = State::SoftStart;
      pass_on(lf);
      sink.on_content(crlf);
      in.at = lf + 1;
      return;
    }
    state_ = State::Text;
    at = in.end;
  }
  pass_on(at);
  in.at = at;
}

void DotDecoder::decode_cr(Input& in, ContentSink& sink) {
  if (*in.at == '\r') {
    ++in.at;
    return;
  }
  sink.on_content(crlf);
  state_ = *in.at == '\n' ? State::LineStart : State::SoftStart;
  if (*in.at == '\n') ++in.at;
}

void DotDecoder::decode_dot(Input& in) {
  if (*in.at == '\r') {
    state_ = State::DotCr;
    ++in.at;
    return;
  }
  // The stuffed dot is gone; what follows is the beginning of the line.
  if (*in.at == '.') has_leading_dot_ = true;
  state_ = State::Text;
}

void DotDecoder::decode_dot_cr(Input& in, ContentSink& sink) {
  if (*in.at == '\n') {
    state_ = State::Finished;
    ++in.at;
    return;
  }
  // ". CR" and then no LF: an unstuffed line of nothing but bare CRs.
  state_ = State::Cr;
  decode_cr(in, sink);
}

}  // namespace mailpool::wire

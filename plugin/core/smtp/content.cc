#include "core/smtp/content.h"

#include <algorithm>
#include <cassert>
#include <span>

namespace mailpool::smtp {
namespace {

constexpr std::size_t buffer_size = 65536;
// At most every second octet is a dot that is doubled: what was read fits into the buffer after
// stuffing.
constexpr std::size_t raw_size = 40960;
// TLS cannot tell what left of a piece, so the last one, which holds the commit point of a chunk,
// is kept short.
constexpr std::size_t longest_piece = 262144;

}  // namespace

void Content::begin(Body const& body, Framing framing) {
  body_ = &body;
  framing_ = framing;
  memory_ = body.storage ? body.storage->memory() : std::string_view{};
  offset_ = 0;
  sent_ = 0;
  piece_ = {};
  last_ = '\n';
  dots_ = {};
  stage_ = Stage::Body;
  if (body.size() == 0) after_piece();
}

void Content::stop() {
  stage_ = Stage::Over;
  piece_ = {};
  body_ = nullptr;
  memory_ = {};
  buffer_.reset();
}

bool Content::next(std::string_view& piece) {
  assert(stage_ != Stage::Over && "there is something to send");
  if (piece_.empty() && !load()) return false;
  piece = piece_;
  return true;
}

bool Content::is_last() const {
  if (stage_ == Stage::Terminator) return true;
  return stage_ == Stage::Body && framing_ == Framing::Chunk && !piece_.empty() &&
         offset_ == body_->size();
}

void Content::taken(std::size_t n) {
  assert(n <= piece_.size() && "only what was offered can be taken");
  piece_.remove_prefix(n);
  sent_ += n;
  if (piece_.empty()) after_piece();
}

void Content::after_piece() {
  if (stage_ == Stage::Body && offset_ < body_->size()) return;
  if (stage_ == Stage::Body && framing_ == Framing::Dots)
    stage_ = Stage::Terminator;
  else
    stop();
}

bool Content::load() {
  if (stage_ == Stage::Terminator) {
    piece_ = wire::DotEncoder::terminator_after({&last_, 1});
    return true;
  }
  bool const needs_dots = framing_ == Framing::Dots && body_->has_leading_dot;
  if (memory_.empty()) return load_from_file();
  auto rest = memory_.substr(offset_);
  auto const before = rest.size();
  if (needs_dots) {
    if (!buffer_) buffer_ = std::make_unique<char[]>(buffer_size);
    piece_ = {buffer_.get(), dots_.encode(rest, {buffer_.get(), buffer_size})};
  } else {
    piece_ = rest.substr(0, longest_piece);
    rest.remove_prefix(piece_.size());
  }
  offset_ += before - rest.size();
  last_ = memory_[offset_ - 1];
  return true;
}

bool Content::load_from_file() {
  bool const needs_dots = framing_ == Framing::Dots && body_->has_leading_dot;
  if (!buffer_)
    buffer_ = std::make_unique<char[]>(needs_dots ? buffer_size + raw_size : buffer_size);
  auto const raw = needs_dots ? std::span<char>{buffer_.get() + buffer_size, raw_size}
                              : std::span<char>{buffer_.get(), buffer_size};
  auto const room = std::min<std::uint64_t>(raw.size(), body_->size() - offset_);
  auto const n = body_->storage->read(offset_, raw.first(room));
  // 0: shorter than it said. An announced chunk could not be filled, nor may half a mail be ended
  // with a dot.
  if (n <= 0) return false;
  std::string_view read{raw.data(), static_cast<std::size_t>(n)};
  offset_ += read.size();
  last_ = read.back();
  piece_ = needs_dots
               ? std::string_view{buffer_.get(), dots_.encode(read, {buffer_.get(), buffer_size})}
               : read;
  assert(!needs_dots || read.empty());
  return true;
}

}  // namespace mailpool::smtp

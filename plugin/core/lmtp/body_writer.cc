#include "core/lmtp/body_writer.h"

#include <fmt/format.h>

#include <cassert>
#include <cstring>
#include <utility>

namespace mailpool::lmtp {
namespace {

constexpr std::size_t most_hops = 100;  // RFC 5321 6.3
constexpr std::size_t most_held =
    16U << 10U;  // a header whose first 16 KiB hold no Received field tells no id

// is_ascii() for large pieces: eight octets at a time.
bool has_eight_bit_in(std::string_view s) {
  std::uint64_t seen = 0;
  while (s.size() >= sizeof(seen)) {
    std::uint64_t word = 0;
    std::memcpy(&word, s.data(), sizeof(word));
    seen |= word;
    s.remove_prefix(sizeof(word));
  }
  for (char const c : s) seen |= static_cast<unsigned char>(c);
  return (seen & 0x8080808080808080U) != 0;
}

}  // namespace

BodyWriter::BodyWriter(Envelope& envelope, ServerEvents& events, BodyStore& bodies,
                       ServerSettings const& settings, std::uint64_t expected)
    : envelope_(envelope),
      events_(events),
      max_size_(settings.max_message_size),
      header_(envelope.queue_id.empty()),
      filter_(settings.campaign_header) {
  body_.storage = bodies.make(expected);
  if (!envelope_.queue_id.empty()) begin();
}

std::size_t BodyWriter::receive(std::string_view octets) {
  auto const taken = decoder_.decode(octets, *this);
  if (decoder_.has_nul())
    refuse(554, {5, 6, 0}, "the message holds a NUL octet, which no mail may (RFC 5321 4.5.2)");
  if (decoder_.is_finished()) finish();
  return taken;
}

bool BodyWriter::wants_more() const {
  return refusal_ || body_.storage->wants_more();
}

Body BodyWriter::take_body() {
  assert(is_finished() && !refusal_);
  return std::move(body_);
}

void BodyWriter::on_content(std::string_view octets) {
  if (refusal_) return;
  content_size_ += octets.size();
  if (max_size_ != 0 && content_size_ > max_size_)
    return refuse(
        552, {5, 3, 4},
        fmt::format("the message is larger than [lmtp] max_message_size ({} octets)", max_size_));
  header_.feed(octets);
  if (header_.received_fields() > most_hops)
    return refuse(
        554, {5, 4, 6},
        fmt::format("more than {} Received fields: the mail is going in circles", most_hops));
  filter_.feed(octets, static_cast<FilteredSink&>(*this));
}

void BodyWriter::on_kept(std::string_view octets) {
  if (refusal_) return;
  if (begun_) return store(octets);
  bool const is_known = header_.knows_newest() || held_.size() + octets.size() > most_held;
  if (!is_known) {
    held_ += octets;
    return;
  }
  begin();
  store(octets);
}

// The first octets of the body: our own field needs the queue id, and the queue id may need the
// first of theirs.
void BodyWriter::begin() {
  begun_ = true;
  if (envelope_.queue_id.empty()) envelope_.queue_id = header_.queue_id();
  if (envelope_.queue_id.empty()) envelope_.queue_id = events_.make_id();
  auto const line = events_.received_line(envelope_);
  body_.has_utf8_header = has_eight_bit_in(line);
  store(line);
  store(held_);
  held_ = {};
}

void BodyWriter::store(std::string_view octets) {
  if (refusal_ || octets.empty()) return;
  body_.has_eight_bit = body_.has_eight_bit || has_eight_bit_in(octets);
  switch (body_.storage->append(octets)) {
    case BodyStorage::Append::Ok:
      return;
    case BodyStorage::Append::MemoryLimit:
      return refuse(452, {4, 3, 1}, "[lmtp] memory_limit is reached: try again later");
    case BodyStorage::Append::DiskFull:
      return refuse(452, {4, 3, 1},
                    "the message is larger than [lmtp] spill_above and the disk for temporary "
                    "files takes no more");
  }
}

void BodyWriter::finish() {
  header_.finish();
  filter_.finish(static_cast<FilteredSink&>(*this));
  envelope_.marks = filter_.take_marks();
  envelope_.tls_required_no = header_.tls_required_no();
  if (!begun_) begin();
  body_.has_leading_dot = decoder_.has_leading_dot();
  body_.has_utf8_header = body_.has_utf8_header || header_.has_eight_bit();
}

void BodyWriter::refuse(std::uint16_t code, EnhancedCode enhanced, std::string text) {
  if (refusal_) return;
  refusal_ = Outcome::local(code, enhanced, std::move(text));
  body_.storage.reset();  // nothing of it is needed any more, and others wait for the memory
  held_ = {};
}

}  // namespace mailpool::lmtp

// SMTP replies: whatever the chunks, the replies are the same, and within their bounds.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/wire/reply.h"

using namespace mailpool::wire;
using Progress = ReplyParser::Progress;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Seen {
  std::vector<std::string> replies;
  std::string fault;
  bool operator==(Seen const&) const = default;
};

void note(Reply const& reply, Seen& seen) {
  require(reply.code >= 200 && reply.code <= 599);
  require(reply.enhanced.klass == 0 || reply.enhanced.klass == reply.code / 100);
  require(reply.lines.size() <= ReplyParser::longest_reply);
  require(reply.line_count >= 1 && reply.line_count <= ReplyParser::most_lines);
  auto const line = reply.to_string();
  require(line.find_first_of(std::string_view("\r\n\0\x1b", 4)) == std::string::npos);
  seen.replies.push_back(line);
}

// The first octet chooses the size of the chunks, and whether a refusal may follow other lines.
Seen read(std::string_view octets, std::size_t step, Mixed mixed) {
  ReplyParser parser;
  Seen seen;
  while (!octets.empty()) {
    auto chunk = octets.substr(0, step);
    octets.remove_prefix(chunk.size());
    while (!chunk.empty()) {
      auto const before = chunk.size();
      auto const progress = parser.feed(chunk, mixed);
      if (progress == Progress::Broken) {
        seen.fault = parser.fault();
        return seen;
      }
      require(chunk.size() < before && (progress == Progress::Complete || chunk.empty()));
      if (progress == Progress::NeedsMore) (void)parser.may_become(421);
      if (progress == Progress::Complete) note(parser.reply(), seen);
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const octets(reinterpret_cast<char const*>(data) + 1, size - 1);
  auto const mixed = data[0] < 128 ? Mixed::Broken : Mixed::Refusal;
  auto const whole = read(octets, octets.size() + 1, mixed);
  require(read(octets, 1, mixed) == whole);
  require(read(octets, data[0] % 64U + 1U, mixed) == whole);
  return 0;
}

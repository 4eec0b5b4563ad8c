#include "core/wire/dot_stream.h"

#include <algorithm>

namespace mailpool::wire {
namespace {

constexpr std::string_view lone_dot = ".\r\n";
constexpr std::string_view line_end_and_lone_dot = "\r\n.\r\n";

}  // namespace

std::size_t DotEncoder::encode(std::string_view& body, std::span<char> out) {
  std::size_t written = 0;
  while (!body.empty() && out.size() - written >= 2) {
    if (is_line_start_ && body.front() == '.') out[written++] = '.';
    auto const room = body.substr(0, out.size() - written);
    auto const end = room.find('\n');
    auto const run = room.substr(0, end == std::string_view::npos ? room.size() : end + 1);
    std::copy(run.begin(), run.end(), out.data() + written);
    written += run.size();
    is_line_start_ = run.back() == '\n';
    body.remove_prefix(run.size());
  }
  return written;
}

std::string_view DotEncoder::terminator() const {
  return is_line_start_ ? lone_dot : line_end_and_lone_dot;
}

std::string_view DotEncoder::terminator_after(std::string_view last_octets) {
  return last_octets.empty() || last_octets.back() == '\n' ? lone_dot : line_end_and_lone_dot;
}

}  // namespace mailpool::wire

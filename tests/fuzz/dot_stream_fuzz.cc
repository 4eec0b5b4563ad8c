// A body behind DATA: exactly one end, at the end, and what the server takes out of it is what went
// in (SMTP smuggling: CVE-2023-51764).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/wire/dot_stream.h"

using namespace mailpool::wire;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What a Body may hold: lines that end with CRLF and nothing else, no NUL. The input's letters are
// few, so that dots and line ends meet.
std::string body_from(std::string_view octets) {
  std::string body;
  for (char c : octets) {
    switch (static_cast<unsigned char>(c) % 6) {
      case 0:
        body += "\r\n";
        break;
      case 1:
      case 2:
        body += '.';
        break;
      case 3:
        body += "\r\n.\r\n";
        break;
      case 4:
        body += 'x';
        break;
      default:
        body += c == '\r' || c == '\n' || c == '\0' ? '?' : c;
    }
  }
  if (!body.empty() && !body.ends_with("\r\n")) body += "\r\n";
  return body;
}

std::string encoded(std::string_view body, std::size_t in_step, std::size_t out_step) {
  DotEncoder dots;
  std::string out;
  std::vector<char> buffer(out_step);
  while (!body.empty()) {
    auto chunk = body.substr(0, in_step);
    body.remove_prefix(chunk.size());
    while (!chunk.empty()) out.append(buffer.data(), dots.encode(chunk, buffer));
  }
  return out.append(dots.terminator());
}

std::string decoded(std::string_view stream) {
  std::string body;
  while (!stream.empty()) {
    auto const end = stream.find("\r\n");
    require(end != std::string_view::npos);
    auto line = stream.substr(0, end);
    stream.remove_prefix(end + 2);
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    if (line == ".") {
      require(stream.empty());
      return body;
    }
    if (line.starts_with('.')) line.remove_prefix(1);
    body.append(line).append("\r\n");
  }
  std::abort();  // no end
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size < 2) return 0;
  auto const body = body_from({reinterpret_cast<char const*>(data) + 2, size - 2});
  auto const stream = encoded(body, data[0] % 32U + 1U, data[1] % 32U + 2U);
  require(stream == encoded(body, body.size() + 1, 2 * body.size() + 2));
  require(decoded(stream) == body);
  auto const last = std::string_view(body).substr(body.empty() ? 0 : body.size() - 1);
  require(DotEncoder::terminator_after(last) == ".\r\n");
  return 0;
}

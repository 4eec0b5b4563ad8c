// The content of DATA, cut anywhere: the same result, clean line ends, and the end only where RFC
// 5321 has it.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/wire/dot_decoder.h"

using mailpool::wire::DotDecoder;

namespace {

struct Collector final : mailpool::wire::ContentSink {
  std::string content;
  void on_content(std::string_view octets) override {
    if (octets.empty()) std::abort();
    content += octets;
  }
};

struct Decoded {
  std::string content;
  std::size_t taken;
  bool finished, nul, leading_dot;
  bool operator==(Decoded const&) const = default;
};

// Cuts at steps that `seed` chooses; 0: not at all.
Decoded decode(std::string_view wire, unsigned seed) {
  DotDecoder decoder;
  Collector sink;
  std::size_t taken = 0;
  while (taken < wire.size() && !decoder.is_finished()) {
    seed = seed * 1103515245U + 12345U;
    auto const most = seed == 12345U ? wire.size() : (seed >> 16U) % 7 + 1;
    auto const piece = wire.substr(taken, most);
    auto const n = decoder.decode(piece, sink);
    if (n > piece.size() || (n < piece.size() && !decoder.is_finished())) std::abort();
    taken += n;
  }
  return {sink.content, taken, decoder.is_finished(), decoder.has_nul(), decoder.has_leading_dot()};
}

// Where CRLF.CRLF (or .CRLF at the beginning) ends, by definition.
std::size_t end_of_data(std::string_view wire) {
  if (wire.starts_with(".\r\n")) return 3;
  auto const at = wire.find("\r\n.\r\n");
  return at == std::string_view::npos ? at : at + 5;
}

void check(std::string_view wire, Decoded const& d) {
  auto const end = end_of_data(wire);
  if (d.finished != (end != std::string_view::npos)) std::abort();
  if (d.finished && d.taken != end) std::abort();
  bool dot = d.content.starts_with('.');
  for (std::size_t i = 0; i < d.content.size(); ++i) {
    char const c = d.content[i];
    if (c == '\r' && (i + 1 == d.content.size() || d.content[i + 1] != '\n')) std::abort();
    if (c == '\n' && (i == 0 || d.content[i - 1] != '\r')) std::abort();
    if (c == '\n' && i + 1 < d.content.size() && d.content[i + 1] == '.') dot = true;
  }
  if (dot != d.leading_dot) std::abort();
  if (d.finished && !d.content.empty() && !d.content.ends_with("\r\n")) std::abort();
  if ((wire.substr(0, d.taken).find('\0') != std::string_view::npos) != d.nul) std::abort();
}

// RFC 5321 4.5.2 the other way round.
std::string stuffed(std::string_view content) {
  std::string out;
  bool line_start = true;
  for (char const c : content) {
    if (line_start && c == '.') out += '.';
    out += c;
    line_start = c == '\n';
  }
  return out + ".\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view const wire(reinterpret_cast<char const*>(data) + 1, size - 1);
  auto const whole = decode(wire, 0);
  check(wire, whole);
  if (!(decode(wire, data[0] + 1U) == whole)) std::abort();
  if (whole.finished && decode(stuffed(whole.content), data[0]).content != whole.content)
    std::abort();
  return 0;
}

#include "core/parking/flush_protocol.h"

#include <optional>

namespace mailpool::parking {
namespace {

using namespace std::literals;

constexpr std::size_t longest_answer = 4096;
constexpr auto greeting = "protocol\0queue_flush_protocol\0\0"sv;

// "status NUL N NUL NUL"
constexpr auto status = "status\0"sv;

std::string attribute(std::string_view name, std::string_view value) {
  std::string text(name);
  text += '\0';
  text += value;
  text += '\0';
  return text;
}

bool may_become(std::string_view octets, std::string_view whole) {
  return octets.substr(0, whole.size()) == whole.substr(0, octets.size());
}

}  // namespace

std::string wake_request(std::string_view queue_id) {
  return attribute("request", "send_file") + attribute("queue_id", queue_id) + '\0';
}

WakeAnswer read_wake_answer(std::string_view octets) {
  if (octets.size() > longest_answer) return WakeAnswer::Garbage;
  if (octets.starts_with(greeting)) {
    octets.remove_prefix(greeting.size());
  } else if (!octets.empty() && octets.front() == greeting.front()) {
    return may_become(octets, greeting) ? WakeAnswer::Incomplete : WakeAnswer::Garbage;
  }
  if (!may_become(octets, status)) return WakeAnswer::Garbage;
  if (octets.size() <= status.size()) return WakeAnswer::Incomplete;
  octets.remove_prefix(status.size());
  auto const end = octets.find('\0');
  auto const number = octets.substr(0, end);
  if (number.empty() || number.size() > 10 ||
      number.find_first_not_of("0123456789-") != std::string_view::npos)
    return WakeAnswer::Garbage;
  if (end == std::string_view::npos || octets.size() < end + 2) return WakeAnswer::Incomplete;
  if (octets[end + 1] != '\0' || octets.size() != end + 2) return WakeAnswer::Garbage;
  return number == "0" ? WakeAnswer::Done : WakeAnswer::Refused;
}

}  // namespace mailpool::parking

#include "core/parking/queue_list.h"

#include "core/base/text.h"

namespace mailpool::parking {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_value = 65'536;

bool is_name(std::string_view name) {
  for (char const c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '-'))
      return false;
  return name.size() <= longest_name;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

bool QueueListReader::feed(std::string_view octets) {
  while (!octets.empty() && !is_broken_ && !is_over_) {
    auto const end = octets.find('\0');
    auto const piece = octets.substr(0, end);
    if (token_.size() + piece.size() > longest_value) {
      is_broken_ = true;
      break;
    }
    token_ += piece;
    if (end == std::string_view::npos) break;
    octets.remove_prefix(end + 1);
    is_broken_ = !take(token_);
    token_.clear();
  }
  return !is_broken_;
}

bool QueueListReader::take(std::string_view token) {
  if (has_name_) {
    take_attribute(token);
    has_name_ = false;
    return true;
  }
  if (token.empty()) {
    // Of the greeting, of an entry, or of the list.
    is_over_ = !is_in_entry_ && (has_greeted_ || name_ != "protocol");
    has_greeted_ = true;
    is_in_entry_ = false;
    return true;
  }
  if (!is_name(token)) return false;
  name_ = token;
  has_name_ = true;
  return true;
}

void QueueListReader::take_attribute(std::string_view value) {
  if (name_ == "queue_name") {
    is_in_entry_ = true;
    queue_ = value;
    queue_id_.clear();
    sender_.clear();
    arrived_ = 0;
  } else if (name_ == "queue_id") {
    queue_id_ = value;
  } else if (name_ == "time") {
    auto const number = to_number(value);
    arrived_ = number ? static_cast<std::int64_t>(*number & 0x7fffffffffff) : 0;
  } else if (name_ == "sender") {
    sender_ = value;
  } else if (name_ == "recipient") {
    recipient_ = value;
  } else if (name_ == "reason" && is_in_entry_) {
    visitor_({queue_, queue_id_, arrived_, sender_, recipient_, value});
  }
}

std::optional<Why> why_told(std::string_view reason) {
  // "host NAME[mailpool/d/DOOR] said: 451 4.7.1 TEXT (in reply to end of DATA command)"
  auto const socket = reason.find("[mailpool/");
  if (socket == std::string_view::npos) return std::nullopt;
  auto const close = reason.find(']', socket);
  if (close == std::string_view::npos) return std::nullopt;
  auto text = reason.substr(close + 1);
  // mailpoold was away, or went away: it is back.
  constexpr std::string_view said = " said: ";
  if (!text.starts_with(said)) return Why::Draining;
  return why_said(text.substr(said.size()));
}

Why why_said(std::string_view text) {
  if (contains(text, " said: ")) return Why::Remote;
  if (contains(text, ": suspended until ")) return Why::Suspended;
  if (contains(text, "backing_off")) return Why::BackingOff;
  if (contains(text, " reached (") || contains(text, "no connection within")) return Why::Limit;
  if (text.starts_with("451 4.3.2 ")) return Why::Draining;
  if (text.starts_with("451 4.4.3 ")) return Why::Route;
  if (text.starts_with("451 4.7.8 ") || text.starts_with("451 4.4.1 ")) return Why::BackingOff;
  return Why::Other;
}

}  // namespace mailpool::parking

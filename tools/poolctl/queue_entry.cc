#include "poolctl/queue_entry.h"

#include <nlohmann/json.hpp>

#include "core/base/text.h"

namespace mailpool::poolctl {
namespace {

using Json = nlohmann::ordered_json;

std::string text_at(Json const& object, char const* key) {
  auto const found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <class Number>
Number number_at(Json const& object, char const* key) {
  auto const found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) return 0;
  return static_cast<Number>(found->get<std::uint64_t>() & 0x7fffffffffffffff);
}

// "<a@b>" or "a@b".
std::string without_brackets(std::string_view address) {
  if (address.starts_with('<') && address.ends_with('>'))
    address = address.substr(1, address.size() - 2);
  return std::string(address);
}

}  // namespace

std::optional<QueueEntry> read_queue_line(std::string_view line) {
  auto const object = Json::parse(line.begin(), line.end(), nullptr, false);
  if (object.is_discarded() || !object.is_object()) return std::nullopt;
  QueueEntry entry;
  entry.queue = text_at(object, "queue_name");
  entry.id = text_at(object, "queue_id");
  if (entry.queue.empty() || entry.id.empty()) return std::nullopt;
  entry.arrived = number_at<std::int64_t>(object, "arrival_time");
  entry.size = number_at<std::uint64_t>(object, "message_size");
  entry.sender = text_at(object, "sender");
  if (entry.sender == "MAILER-DAEMON") entry.sender.clear();  // how Postfix shows the null sender
  auto const recipients = object.find("recipients");
  if (recipients == object.end() || !recipients->is_array()) return entry;
  for (auto const& one : *recipients)
    if (one.is_object())
      entry.recipients.push_back({text_at(one, "address"), text_at(one, "delay_reason")});
  return entry;
}

std::optional<QueueEntry> read_control_file(std::string_view name, std::string_view text) {
  if (!name.starts_with("qf") || name.size() < 3) return std::nullopt;
  QueueEntry entry;
  entry.queue = "deferred";
  entry.id = name.substr(2);
  std::string reason;
  bool is_whole = false;
  while (!text.empty() && !is_whole) {
    auto const end = text.find('\n');
    auto const line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    auto const value = line.substr(1);
    switch (line.front()) {
      case 'T':
        if (auto const number = to_number(value))
          entry.arrived = static_cast<std::int64_t>(*number & 0x7fffffffffffffff);
        break;
      case 'S':
        entry.sender = without_brackets(value);
        break;
      case 'M':
        reason = value;
        break;
      case 'R': {
        auto const flags = value.find(':');
        auto const address = flags == std::string_view::npos ? value : value.substr(flags + 1);
        entry.recipients.push_back({without_brackets(address), {}});
        break;
      }
      case '.':
        is_whole = true;
        break;
      default:
        break;
    }
  }
  if (!is_whole) return std::nullopt;
  // It keeps one reason for all.
  for (auto& one : entry.recipients) one.reason = reason;
  return entry;
}

}  // namespace mailpool::poolctl

#include "manager/event_journal.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/text.h"

namespace mailpool::manager {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(Json const& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string upper(std::string_view key) {
  std::string text(key);
  for (auto& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// "outcome queue_id=... site=..." for whoever reads along; the fields for programs.
std::vector<std::string> fields_of(Json const& event) {
  std::string message = "MESSAGE=";
  std::vector<std::string> fields{"PRIORITY=6", "SYSLOG_IDENTIFIER=mailpool-events"};
  for (auto const& [key, value] : event.items()) {
    auto const text = text_of(value);
    fields.push_back(fmt::format("MAILPOOL_{}={}", upper(key), text));
    if (key == "time") continue;
    if (key == "kind")
      message += text;
    else
      message += fmt::format(" {}={}", key, text);
  }
  fields.push_back(std::move(message));
  return fields;
}

}  // namespace

void EventJournal::write(std::string const& line) {
  auto const event = Json::parse(line, nullptr, false);
  auto const fields = event.is_object() ? fields_of(event) : std::vector<std::string>{};
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (auto const& field : fields) parts.push_back({const_cast<char*>(field.data()), field.size()});
  int const error =
      parts.empty() ? -EINVAL : ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  if (error < 0) {
    ++state_.dropped;
    return state_.set_problem(std::strerror(-error), log_);
  }
  ++state_.written;
  state_.set_problem({}, log_);
}

}  // namespace mailpool::manager

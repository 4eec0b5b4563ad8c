#include "core/state/record.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/state/store.h"

namespace mailpool::state {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::string_view never_word = "never";

void append_escaped(std::string& to, std::string_view field) {
  for (char const c : field) {
    switch (c) {
      case '\t':
        to += "\\t";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\\':
        to += "\\\\";
        break;
      default:
        to += c;
    }
  }
}

char unescaped(char c) {
  return c == 't' ? '\t' : c == 'n' ? '\n' : c;
}

}  // namespace

std::string join(std::initializer_list<std::string_view> fields) {
  std::string value;
  bool is_first = true;
  for (auto const field : fields) {
    if (!is_first) value += '\t';
    is_first = false;
    append_escaped(value, field);
  }
  return value;
}

std::vector<std::string> fields_of(std::string_view value) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\t') {
      fields.emplace_back();
    } else if (value[i] == '\\' && i + 1 < value.size()) {
      fields.back() += unescaped(value[++i]);
    } else {
      fields.back() += value[i];
    }
  }
  return fields;
}

std::string wall_text(WallTime at) {
  if (at == no_expiry) return std::string(never_word);
  auto const ms = duration_cast<milliseconds>(at.time_since_epoch()).count();
  return std::to_string(std::max<std::int64_t>(ms, 0));
}

std::optional<WallTime> wall_time(std::string_view text) {
  if (text == never_word) return no_expiry;
  auto const ms = to_number(text);
  constexpr auto latest = duration_cast<milliseconds>(WallTime::duration::max()).count();
  if (!ms || *ms > static_cast<std::uint64_t>(latest)) return std::nullopt;
  return WallTime(duration_cast<WallTime::duration>(milliseconds(*ms)));
}

TimePoint moment_of(WallTime at, WallTime wall_now, TimePoint now) {
  if (at == no_expiry) return never;
  if (at <= wall_now) return now;
  return after(now, duration_cast<Duration>(at - wall_now));
}

WallTime wall_of(TimePoint at, WallTime wall_now, TimePoint now) {
  if (at == never) return no_expiry;
  auto const span = duration_cast<WallTime::duration>(at - now);
  return span >= no_expiry - wall_now ? no_expiry : wall_now + span;
}

}  // namespace mailpool::state

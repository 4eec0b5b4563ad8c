#include "core/site/warm_up_record.h"

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/config/source_values.h"

namespace mailpool::site {

void keep_warm_up(state::Store& store, std::string const& source, std::string const& site,
                  Today const& today, std::uint32_t sent) {
  auto const end = today.day + std::chrono::days(1);
  store.put(state::Kind::WarmUp, fmt::format("{}/{}", source, site),
            fmt::format("{} {}", value::day_text(today.day), sent), WallTime(end));
}

std::optional<WarmUpRecord> warm_up_of(state::Record const& record) {
  auto const slash = record.key.find('/');
  auto const blank = record.value.find(' ');
  if (slash == std::string::npos || blank == std::string::npos) return std::nullopt;
  auto const day = value::parse_day(std::string_view(record.value).substr(0, blank));
  auto const sent = to_number(std::string_view(record.value).substr(blank + 1));
  if (!day || !sent || *sent > UINT32_MAX) return std::nullopt;
  return WarmUpRecord{record.key.substr(0, slash), record.key.substr(slash + 1), *day,
                      static_cast<std::uint32_t>(*sent)};
}

}  // namespace mailpool::site

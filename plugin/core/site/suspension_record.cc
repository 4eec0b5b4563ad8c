#include "core/site/suspension_record.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/state/record.h"

namespace mailpool::site {
namespace {

constexpr std::array<std::string_view, 6> whats{"site",   "domain",   "tenant",
                                                "source", "campaign", "all"};
constexpr std::array<std::string_view, 4> scopes{"sender_domain ", "source ", "tenant ",
                                                 "campaign "};

bool is_scope(std::string_view text) {
  return std::any_of(scopes.begin(), scopes.end(), [&](std::string_view kind) {
    return text.size() > kind.size() && text.starts_with(kind);
  });
}

}  // namespace

std::string suspension_key(std::string_view what, std::string_view name, std::string_view scope) {
  return scope.empty() ? state::join({what, name}) : state::join({what, name, scope});
}

Suspended suspended_by_key(std::string_view key) {
  auto fields = state::fields_of(key);
  bool const is_known = (fields.size() == 2 || fields.size() == 3) && !fields[1].empty() &&
                        std::find(whats.begin(), whats.end(), fields[0]) != whats.end();
  if (!is_known) return {};
  if (fields.size() == 2) return {std::move(fields[0]), std::move(fields[1]), {}};
  if (fields[0] != "site" || !is_scope(fields[2])) return {};
  return {std::move(fields[0]), std::move(fields[1]), std::move(fields[2])};
}

void keep(Suspension& suspension, std::string key, state::Store& store, WallTime wall_now,
          TimePoint now) {
  if (suspension.since == WallTime{}) suspension.since = wall_now;
  store.put(state::Kind::Suspension, std::move(key),
            state::join({state::wall_text(suspension.since), suspension.by, suspension.reason}),
            state::wall_of(suspension.until, wall_now, now));
}

std::optional<Suspension> suspension_of(state::Record const& record, WallTime wall_now,
                                        TimePoint now) {
  auto fields = state::fields_of(record.value);
  if (fields.size() != 3) return std::nullopt;
  auto const since = state::wall_time(fields[0]);
  if (!since || record.expires <= wall_now || *since >= record.expires) return std::nullopt;
  Suspension suspension;
  suspension.since = *since;
  suspension.by = std::move(fields[1]);
  suspension.reason = std::move(fields[2]);
  suspension.until = state::moment_of(record.expires, std::max(*since, wall_now), now);
  return suspension;
}

}  // namespace mailpool::site

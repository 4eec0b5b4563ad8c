#include "core/site/rate_record.h"

#include <algorithm>

#include "core/state/record.h"

namespace mailpool::site {
namespace {

std::string text_of(RateKey const& key) {
  return state::join({key.level, key.name, key.option});
}

}  // namespace

std::optional<RateKey> rate_key_of(state::Record const& record) {
  auto fields = state::fields_of(record.key);
  if (fields.size() != 3) return std::nullopt;
  return RateKey{std::move(fields[0]), std::move(fields[1]), std::move(fields[2])};
}

void keep_use(state::Store& store, RateKey const& key, RateLimit const& limit, WallTime wall_now,
              TimePoint now, state::Kind kind) {
  if (!limit.is_kept()) return;
  auto value = limit.to_value(wall_now, now);
  if (value.empty()) return;
  auto const over = std::chrono::duration_cast<WallTime::duration>(2 * limit.rate().per);
  store.put(kind, text_of(key), std::move(value), wall_now + over);
}

void forget_use(state::Store& store, RateKey const& key, RateLimit& limit, state::Kind kind) {
  limit.forget();
  store.erase(kind, text_of(key));
}

}  // namespace mailpool::site

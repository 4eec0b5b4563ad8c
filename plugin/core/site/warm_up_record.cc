#include "core/site/warm_up_record.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "core/base/text.h"
#include "core/config/source_values.h"

namespace mailpool::site {
namespace {

// DAY SENT, as 0.2.0 began with; then TAKEN PUT_OFF HELD START of the plan; then, on a day that
// does the one before again, that one's DAY TAKEN PUT_OFF.
constexpr std::size_t of_old = 2;
constexpr std::size_t of_good = 6;
constexpr std::size_t of_held = 9;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (words.size() <= of_held) {
    auto const blank = text.find(' ');
    words.push_back(text.substr(0, blank));
    if (blank == std::string_view::npos) break;
    text.remove_prefix(blank + 1);
  }
  return words;
}

class Reader {
 public:
  explicit Reader(std::vector<std::string_view> words) : words_(std::move(words)) {}
  std::chrono::sys_days day() {
    auto const found = value::parse_day(words_[at_++]);
    is_good = is_good && found.has_value();
    return found.value_or(std::chrono::sys_days{});
  }
  std::uint32_t number() {
    auto const found = to_number(words_[at_++]);
    is_good = is_good && found && *found <= UINT32_MAX;
    return is_good ? static_cast<std::uint32_t>(*found) : 0;
  }
  bool is_good = true;

 private:
  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

}  // namespace

void keep_warm_up(state::Store& store, std::string const& source, std::string const& site,
                  WarmUpProgress const& progress) {
  auto const* const kept = progress.find(site);
  if (kept == nullptr) return;
  auto const& today = kept->today;
  auto text = fmt::format("{} {} {} {} {} {}", value::day_text(today.day), today.sent, today.taken,
                          today.put_off, kept->held, value::day_text(progress.plan().start));
  if (kept->bad)
    text += fmt::format(" {} {} {}", value::day_text(kept->bad->day), kept->bad->taken,
                        kept->bad->put_off);
  store.put(state::Kind::WarmUp, fmt::format("{}/{}", source, site), std::move(text),
            WallTime(progress.forgotten_on(*kept)));
}

std::optional<WarmUpRecord> warm_up_of(state::Record const& record) {
  auto const slash = record.key.find('/');
  if (slash == std::string::npos) return std::nullopt;
  auto const words = words_of(record.value);
  if (words.size() != of_old && words.size() != of_good && words.size() != of_held)
    return std::nullopt;
  WarmUpRecord found{record.key.substr(0, slash), record.key.substr(slash + 1), {}, {}};
  Reader reader(words);
  auto& today = found.at_site.today;
  today.day = reader.day();
  today.sent = reader.number();
  if (words.size() >= of_good) {
    today.taken = reader.number();
    today.put_off = reader.number();
    found.at_site.held = reader.number();
    found.start = reader.day();
  }
  if (words.size() == of_held) {
    auto& bad = found.at_site.bad.emplace();
    bad.day = reader.day();
    bad.taken = reader.number();
    bad.put_off = reader.number();
  }
  if (!reader.is_good) return std::nullopt;
  return found;
}

}  // namespace mailpool::site

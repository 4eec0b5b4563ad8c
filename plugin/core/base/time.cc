#include "core/base/time.h"

#include <fmt/format.h>

namespace mailpool {

std::string to_text(Duration d) {
  using namespace std::chrono;
  if (d < Duration::zero()) return "0s";
  if (d < 1s) return fmt::format("{}ms", duration_cast<milliseconds>(d).count());
  auto const s = duration_cast<std::chrono::seconds>(d).count();
  auto two = [](auto big, char const* b, auto small, char const* c) {
    return small == 0 ? fmt::format("{}{}", big, b) : fmt::format("{}{}{}{}", big, b, small, c);
  };
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return two(s / 60, "m", s % 60, "s");
  if (s < 86400) return two(s / 3600, "h", s % 3600 / 60, "m");
  return two(s / 86400, "d", s % 86400 / 3600, "h");
}

}  // namespace mailpool

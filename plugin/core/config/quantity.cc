#include "core/config/quantity.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "core/base/text.h"

namespace mailpool {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t worth;
};

// Largest first: the first that divides a value evenly is the one it is shown in.
constexpr std::array<Unit, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> size_units{{{"TiB", 1ULL << 40U},
                                          {"GiB", 1ULL << 30U},
                                          {"MiB", 1ULL << 20U},
                                          {"KiB", 1ULL << 10U},
                                          {"B", 1}}};

constexpr std::uint64_t longest_in_ms = 10'000ULL * 86'400'000ULL;

template <std::size_t N>
std::optional<std::uint64_t> number_with_unit(std::string_view text,
                                              std::array<Unit, N> const& units,
                                              std::uint64_t most) {
  auto const unit_at = text.find_first_not_of("0123456789");
  if (unit_at == std::string_view::npos) return std::nullopt;
  auto const number = to_number(text.substr(0, unit_at));
  if (!number) return std::nullopt;
  for (auto const& unit : units)
    if (text.substr(unit_at) == unit.name)
      return *number <= most / unit.worth ? std::optional(*number * unit.worth) : std::nullopt;
  return std::nullopt;
}

template <std::size_t N>
std::string in_largest_unit(std::uint64_t value, std::array<Unit, N> const& units,
                            std::string_view of_zero) {
  if (value == 0) return fmt::format("0{}", of_zero);
  for (auto const& unit : units)
    if (value % unit.worth == 0) return fmt::format("{}{}", value / unit.worth, unit.name);
  return {};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  auto const ms = number_with_unit(text, duration_units, longest_in_ms);
  if (!ms) return failed(fmt::format("\"{}\" is not a duration", printable(text, 64)));
  return std::chrono::milliseconds(*ms);
}

std::string duration_text(Duration d) {
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return in_largest_unit(ms > 0 ? static_cast<std::uint64_t>(ms) : 0, duration_units, "s");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  auto const octets = number_with_unit(text, size_units, UINT64_MAX);
  if (!octets) return failed(fmt::format("\"{}\" is not a size", printable(text, 64)));
  return *octets;
}

std::string size_text(std::uint64_t octets) {
  return in_largest_unit(octets, size_units, "B");
}

Result<std::uint32_t> parse_mode(std::string_view text) {
  auto const digits = text.size() == 4 && text.front() == '0' ? text.substr(1) : text;
  if (digits.size() != 3 || digits.find_first_not_of("01234567") != std::string_view::npos)
    return failed(fmt::format("\"{}\" is not a file mode", printable(text, 64)));
  std::uint32_t mode = 0;
  for (char c : digits) mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  return mode;
}

std::string mode_text(std::uint32_t mode) {
  return fmt::format("{:04o}", mode);
}

}  // namespace mailpool

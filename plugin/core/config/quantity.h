#pragma once
// Durations, sizes and file modes as an operator writes them: "500ms", "64KiB", "0660".

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"

namespace mailpool {

/// Digits and one of ms, s, m, h, d; no sign, blank or fraction. At most ten thousand days.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
/// In the largest unit that loses nothing: "90s", "2m". What parse_duration reads; parts of a
/// millisecond are dropped.
[[nodiscard]] std::string duration_text(Duration d);

/// Digits and one of B, KiB, MiB, GiB, TiB.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
[[nodiscard]] std::string size_text(std::uint64_t octets);

/// Three octal digits, as chmod(1) takes them, with or without a leading 0.
[[nodiscard]] Result<std::uint32_t> parse_mode(std::string_view text);
[[nodiscard]] std::string mode_text(std::uint32_t mode);

}  // namespace mailpool

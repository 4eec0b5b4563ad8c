#pragma once
// Just enough of Postfix, in the layout of 3.7 or of 3.11, for the table to live in; and a clock
// that tests turn.

#include <cstdint>
#include <string>
#include <vector>

namespace fake_postfix {

enum class Layout { Of37, Of311 };

struct State {
  Layout layout = Layout::Of37;
  std::int64_t clock_ns = 1'000'000'000'000;
  std::string relay_domains;
  std::vector<std::string> log;  // "warning: ...", "info: ..."
};

[[nodiscard]] State& state();

/// What dict_register() does to a table since 3.11: it writes behind the 152 octets of older
/// versions.
void register_table(void* dict);

}  // namespace fake_postfix

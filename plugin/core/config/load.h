#pragma once
// From the text of mailpool.toml to settings, or to every mistake in it with its line.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"

namespace mailpool {

inline constexpr std::size_t most_octets_of_configuration = 1U << 20U;

struct ConfigurationText;

struct Mistake {
  std::string file;
  unsigned line = 0;  ///< 0: the file as a whole
  std::string what;
  std::string would_be_right;

  /// "FILE:LINE: what is wrong; right would be ...": one line, printable.
  [[nodiscard]] std::string to_line() const;
};

/// Settings may be used only if there are no mistakes.
struct Loaded {
  Settings settings;
  std::vector<Mistake> mistakes;  ///< by line

  [[nodiscard]] bool is_good() const { return mistakes.empty(); }
};

/// `file_name` is for messages only. Does all that can be done without looking at the machine; ""
/// gives the defaults. `included` are the files that the text includes (included.h), in their
/// order; a later one wins over an earlier one, the text over all of them. `drop_ins` win over the
/// text, the last over all; they are the operator's own as the text is.
[[nodiscard]] Loaded load_settings(std::string_view text, std::string const& file_name,
                                   std::span<ConfigurationText const> included = {},
                                   std::span<ConfigurationText const> drop_ins = {});

}  // namespace mailpool

#pragma once
// What the table of options says to people: the commented mailpool.toml, the list in
// mailpool.toml(5), settings as a file.

#include <string>

#include "core/config/settings.h"

namespace mailpool {

/// conf/mailpool.toml: every option with its sentence, its range and its default, commented out.
/// Reads as the defaults.
[[nodiscard]] std::string sample_file();

/// The options for mailpool.toml(5), in mdoc(7): one .Ss for each section.
[[nodiscard]] std::string manual_options();

/// The settings as a configuration file: every option with the value it has, of sites what differs
/// from [smtp]. Loading it gives the same settings.
[[nodiscard]] std::string settings_as_toml(Settings const& settings);

}  // namespace mailpool

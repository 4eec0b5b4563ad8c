// Any octets as a configuration file: no crash, every mistake has a printable line, and good
// settings survive being written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config/load.h"
#include "core/config/reference.h"

using namespace mailpool;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text(reinterpret_cast<char const*>(data), size);
  auto const loaded = load_settings(text, "fuzz.toml");
  for (auto const& mistake : loaded.mistakes)
    if (mistake.what.empty() || mistake.would_be_right.empty() ||
        mistake.to_line().find('\n') != std::string::npos)
      std::abort();
  if (!loaded.is_good()) return 0;
  auto const again = load_settings(settings_as_toml(loaded.settings), "again.toml");
  if (!again.is_good() || !(again.settings == loaded.settings)) std::abort();
  return 0;
}
